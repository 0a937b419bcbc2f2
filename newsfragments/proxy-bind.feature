proxy_bind says from which address upstreams are connected to.
