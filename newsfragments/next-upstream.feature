proxy_next_upstream, proxy_next_upstream_tries and proxy_next_upstream_timeout: a request whose server failed goes to the next one, with its body.
