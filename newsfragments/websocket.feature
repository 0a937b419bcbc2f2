WebSockets pass without a directive; other protocols pass as in nginx, with proxy_set_header Upgrade and Connection.
