proxy_limit_rate limits how fast a buffered answer is read from its upstream, in bytes a second.
