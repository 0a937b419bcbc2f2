proxy_store keeps complete answers of upstreams as files, with the rights of proxy_store_access; what can't be kept is passed on all the same, and told to the error log.
