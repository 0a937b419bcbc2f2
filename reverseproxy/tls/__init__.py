"""TLS on both sides, with pyOpenSSL: what OpenSSL is given, and what it says.

`pem` reads certificates and keys for both, `protocols` names the versions, `library` is what
reaches below pyOpenSSL.

To clients (ngx_http_ssl_module): `settings` are the directives, `context` makes an OpenSSL context
of a server's settings (`options` a part of it), `varying` makes those of certificates that
variables name, `names` chooses among them by the name that a client asks for. `transport` encrypts,
`admission` looks at requests that came this way, `variables` tells of connections, `overhearing` of
what was said in handshakes, `tickets` and `sessions` let sessions go on.

Whether certificates are still good: `ocspsettings` are the directives, `ocsp` asks and judges,
`responders` does so over the network, `stapling` keeps what they say of ours, `clientstatus` asks
about clients'.

To upstreams (`proxy_ssl_...`): `upstreamsettings` are the directives, `upstream` makes their
contexts, `verification` looks at what the other side shows.
"""
