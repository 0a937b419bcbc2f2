msie_refresh sends MSIE pages that refresh, not redirects.
