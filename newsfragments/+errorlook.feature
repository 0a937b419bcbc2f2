The pages of errors are easier to read, in light and in dark, and say of every status what it means.
