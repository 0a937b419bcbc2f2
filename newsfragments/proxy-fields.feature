proxy_redirect takes regular expressions and variables; proxy_cookie_domain, proxy_cookie_path and proxy_cookie_flags rewrite cookies.
