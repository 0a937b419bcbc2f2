proxy_request_buffering off passes a body on as it comes; proxy_method, proxy_http_version, proxy_set_body, proxy_pass_request_headers and proxy_socket_keepalive work.
