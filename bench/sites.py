"""The configurations of the proxies and of the backend that `peers.py` starts."""

#: The article's, with what it leaves to the site; nginx and this daemon read the same.
ARTICLE = """\
worker_processes 1;
worker_rlimit_nofile 20000;
pid run.pid;
error_log error.log;
events {{ worker_connections 12000; }}
http {{
    default_type application/octet-stream;
    log_format main '$remote_addr - $remote_user [$time_local] "$request" $status '
                    '$body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for"';
    access_log access.log main;
    types {{ text/html html; }}
    client_body_temp_path uploads;
    client_body_buffer_size 128k;
    client_max_body_size 2g;
    client_header_timeout 3m;
    keepalive_timeout 300;
    keepalive_requests 100000000;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay off;
    gzip on;
    gzip_comp_level 2;
    gzip_proxied any;
    gzip_min_length 1100;
    gzip_buffers 16 8k;
    gzip_types text/plain text/css application/xml;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {home}/one.pem;
    ssl_certificate_key {home}/one-key.pem;
    ssl_session_cache shared:one:1m;
    {upstream}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        listen 127.0.0.1:{tls} ssl;
        server_name localhost;
        proxy_redirect off;
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_max_temp_file_size 0;
        proxy_connect_timeout 90;
        proxy_send_timeout 90;
        proxy_read_timeout 90;
        proxy_buffer_size 4k;
        proxy_buffers 4 32k;
        proxy_busy_buffers_size 64k;
        {extra}
        location /static/ {{ alias {files}/; }}
        location /bulk/ {{ proxy_pass http://127.0.0.1:{bulk}; }}
        location / {{ proxy_pass http://app/; }}
    }}
}}
"""

#: Cheap, so that the proxy is what is measured: `/` is small, the rest are files.
BACKEND = """\
worker_processes 1;
pid run.pid;
error_log error.log;
events {{ worker_connections 4096; }}
http {{
    default_type application/octet-stream;
    types {{ text/html html; }}
    access_log off;
    sendfile on;
    keepalive_timeout 300;
    keepalive_requests 100000000;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {files};
        location = / {{ default_type text/plain; return 200 "{body}"; }}
        location /varied/ {{
            default_type text/plain; add_header X-Request $request_id; return 200 "{body}";
        }}
        location = /socket {{ return 204; }}
    }}
}}
"""

HAPROXY = """\
global
    nbthread 1
    maxconn 4000
    log stdout format raw local0
    tune.bufsize 16384
defaults
    mode http
    log global
    option httplog
    option forwardfor
    http-reuse always
    timeout client 300s
    timeout server 90s
    timeout connect 90s
    compression algo gzip
    compression type text/html text/plain text/css application/xml
frontend front
    bind 127.0.0.1:{port} backlog 4096
    bind 127.0.0.1:{tls} ssl crt {home}/both.pem ssl-min-ver TLSv1.2 alpn http/1.1
    http-request set-header X-Real-IP %[src]
    use_backend bulk if {{ path_beg /bulk/ }}
    default_backend app
backend app
    server one 127.0.0.1:{small}
backend bulk
    server one 127.0.0.1:{bulk}
"""

CADDY = """\
{{
    admin off
    auto_https off
}}
(site) {{
    log {{
        output file {logs}/access.log
    }}
    encode {{
        gzip 2
    }}
    handle_path /static/* {{
        root * {files}
        file_server
    }}
    reverse_proxy /bulk/* 127.0.0.1:{bulk}
    reverse_proxy 127.0.0.1:{small} {{
        header_up X-Real-IP {{remote_host}}
        header_up Accept-Encoding identity
    }}
}}
http://127.0.0.1:{port}, http://localhost:{port} {{
    bind 127.0.0.1
    import site
}}
https://127.0.0.1:{tls}, https://localhost:{tls} {{
    bind 127.0.0.1
    tls {home}/one.pem {home}/one-key.pem
    import site
}}
"""

WORDS = """\
a about after all also an and any are as at be because been before but by can connection could
data day do each even every field file first for from get give good have head here his how if in
into is it its just know last like line long look made make many may message method more most much
name new no not now number of on one only or other our out over own page part people proxy request
response right said same see server she should site so some still such take than that the their
them then there these they thing this through time to two under up upstream use very want was way
we well were what when where which who will with word work world would year you your
"""
