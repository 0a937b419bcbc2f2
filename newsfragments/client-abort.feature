proxy_ignore_client_abort lets an upstream finish a request whose client has left.
