set_real_ip_from, real_ip_header and real_ip_recursive find the client behind other proxies; $realip_remote_addr and $realip_remote_port are the connection's own.
