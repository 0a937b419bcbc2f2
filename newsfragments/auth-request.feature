auth_request asks another location who may come in; auth_request_set keeps what it said. proxy_pass_request_body off asks an upstream without the body.
