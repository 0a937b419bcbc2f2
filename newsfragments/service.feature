`server NAME service=http resolve;` takes the servers of a group from SRV records, with their ports, weights and priorities. A name that the DNS says is gone takes its servers with it, as in nginx.
