Certificates may be named by variables, for a certificate per name without a server for each; ssl_certificate_cache keeps them.
