limit_except gives a location other rules for all methods but some.
