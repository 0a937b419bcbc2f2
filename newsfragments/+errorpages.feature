`error_page` now works for redirects (301 to 308), for 494 to 497, and with targets that only turn out to be a path, a named location or a URL when they are rendered.
