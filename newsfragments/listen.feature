`listen` takes IPv6 and unix sockets, `backlog`, `rcvbuf`, `sndbuf`, `reuseport`, `deferred`, `fastopen`, `ipv6only` and `so_keepalive`; a wildcard and specific addresses may share a port.
