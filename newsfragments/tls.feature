Clients are served over TLS: listen … ssl with ssl_certificate, ssl_protocols, ssl_ciphers, SNI, client certificates and the variables $ssl_….
