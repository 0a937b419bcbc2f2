"""TLS between clients and this daemon (ngx_http_ssl_module), with pyOpenSSL.

`settings` are the directives, `pem` reads certificates and keys, `context` makes an OpenSSL context
of a server's settings, `varying` makes those of certificates that variables name, `names` chooses
among them by the name that a client asks for. `transport` encrypts, `admission` looks at requests
that came this way, `variables` tells of connections. `library` is what reaches below pyOpenSSL, for
`tickets` and others.
"""
