ssl_certificate_reload on takes renewed certificates and keys by itself, once a minute, if they fit; the error log warns of those that end in under 14 days.
