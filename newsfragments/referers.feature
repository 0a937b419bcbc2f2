valid_referers and $invalid_referer tell where requests say they come from.
