"""The proxies that are compared, each started in front of the same port."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.integration.servers import Server, directory, free_port, start_proxy

#: What matters of the configuration in the article, for a small proxied answer.
_SITE = """\
worker_processes 1;
pid run.pid;
error_log error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path uploads;
    client_body_buffer_size 128k;
    client_max_body_size 2g;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay off;
    gzip on;
    gzip_comp_level 2;
    gzip_proxied any;
    gzip_min_length 1100;
    gzip_types text/plain text/css application/xml;
    {upstream}
    server {{
        listen 127.0.0.1:{port};
        server_name localhost;
        keepalive_requests 100000000;
        location / {{
            proxy_pass {target};
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
            {extra}
        }}
    }}
}}
"""

_ANSWERING = """\
worker_processes 1;
pid run.pid;
error_log error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    server {{
        listen 127.0.0.1:{port};
        location / {{ default_type text/plain; return 200 "{body}"; }}
    }}
}}
"""


def configured(which: str, text: str, port: int) -> Server:
    """A proxy with this configuration in a directory of its own."""
    prefix = directory("bench")
    configuration = prefix / "reverseproxy.conf"
    configuration.write_text(text)
    (prefix / "uploads").mkdir()
    (prefix / "uploads").chmod(0o777)  # the worker of an nginx that root starts is somebody else
    return start_proxy(configuration, prefix, port, which=which)


def reverseproxy(backend: int, which: str = "reverseproxy") -> Server:
    """Our daemon (or nginx) with the article's configuration."""
    port = free_port()
    target = f"http://127.0.0.1:{backend}/"
    return configured(which, _SITE.format(port=port, target=target, upstream="", extra=""), port)


def nginx(backend: int) -> Server:
    """Nginx with the article's configuration: a connection to the upstream for every request."""
    return reverseproxy(backend, "nginx")


def nginx_keepalive(backend: int) -> Server:
    """Nginx with a pool of upstream connections."""
    port = free_port()
    text = _SITE.format(
        port=port,
        target="http://backend/",
        upstream=f"upstream backend {{ server 127.0.0.1:{backend}; keepalive 64; }}",
        extra='proxy_http_version 1.1; proxy_set_header Connection "";',
    )
    return configured("nginx", text, port)


def stock(backend: int) -> Server:
    """Twisted's own twisted.web.proxy."""
    port = free_port()
    script = Path(__file__).with_name("stock.py")
    argv = [sys.executable, str(script), str(port), str(backend)]
    return Server(argv, port, directory("bench"))


def small_backend(size: int) -> Server:
    """An nginx that answers all with `size` bytes: cheap, so the proxy is what is measured."""
    port = free_port()
    return configured("nginx", _ANSWERING.format(port=port, body="x" * size), port)


def bulk_backend() -> Server:
    """backend.py: takes and gives as many bytes as it is told."""
    port = free_port()
    script = Path(__file__).with_name("backend.py")
    return Server([sys.executable, str(script), str(port)], port, directory("bench"))
