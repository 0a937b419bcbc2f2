A host in proxy_pass or in an upstream group that can't be resolved does not stop the daemon: there is a warning and 502 until the DNS, asked in the background, knows it.
