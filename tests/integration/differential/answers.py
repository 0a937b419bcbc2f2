"""What an upstream's answer asks for, and where it is kept."""

from __future__ import annotations

from tests.integration.differential import Case, get

CASES = [
    Case(
        "X-Accel-Charset",
        """
        location / { proxy_pass http://127.0.0.1:{upstream}; }
        location /ignored/ { proxy_pass http://127.0.0.1:{upstream};
                             proxy_ignore_headers X-Accel-Charset; }
        location /named/ { proxy_pass http://127.0.0.1:{upstream}; charset utf-8; }
        location /over/ { proxy_pass http://127.0.0.1:{upstream}; charset utf-8;
                          override_charset on; }
        location /source/ { proxy_pass http://127.0.0.1:{upstream}; source_charset utf-8; }
        location /files/ { alias {root}/; }
        location /files/named/ { alias {root}/; charset utf-8; }
        """,
        tuple(
            request
            for place in ("", "/ignored", "/named", "/over", "/source")
            for kind in (
                "text/plain",
                "image/gif",
                "text/html%3B+charset%3DUTF-8",
                "text/a%3Bb%3Dc",
            )
            for name in ("utf-8", "UTF-8", "big5", "")
            for request in get(f"{place}/x?Content-Type={kind}&X-Accel-Charset={name}")
        )
        + get(
            "/status/302?X-Accel-Charset=utf-8&Location=%2Fx",
            "/status/404?X-Accel-Charset=utf-8",
            "/x?X-Accel-Redirect=%2Ffiles%2Fa.txt&X-Accel-Charset=utf-8",
            "/x?X-Accel-Redirect=%2Ffiles%2Fnamed%2Fa.txt&X-Accel-Charset=koi8-r",
            "/x?X-Accel-Redirect=%2Ffiles%2Fa.txt&X-Accel-Charset=big5",
            "/x?X-Accel-Redirect=%2Ffiles%2Fnope&X-Accel-Charset=utf-8",
            "/ignored/x?X-Accel-Redirect=%2Ffiles%2Fa.txt&X-Accel-Charset=utf-8",
        ),
    ),
    Case(
        "cookies with X-Accel-Redirect",
        """
        location / { proxy_pass http://127.0.0.1:{upstream}; proxy_cookie_path /a /b;
                     proxy_cookie_domain old.test new.test; }
        location /files/ { alias {root}/; }
        """,
        get(
            "/x?X-Accel-Redirect=%2Ffiles%2Fa.txt&Set-Cookie=a%3D1%3B+path%3D%2Fa%2Fx"
            "&Set-Cookie=b%3D1%3B+domain%3Dold.test",
            "/x?X-Accel-Expires=60&Expires=never",
        ),
    ),
    Case(
        "proxy_store",
        """
        proxy_set_header Host up;
        location / { proxy_store {root}/deep/er/kept/$server_port$uri; proxy_store_access all:r;
                     proxy_pass http://127.0.0.1:{upstream}; }
        location /off/ { proxy_store off; proxy_pass http://127.0.0.1:{upstream}; }
        location /unbuffered/ { proxy_store {root}/deep/er/kept/$server_port$uri;
                                proxy_buffering off; proxy_pass http://127.0.0.1:{upstream}; }
        location ~ ^/kept/(.*)$ { alias {root}/deep/er/kept/$server_port/$1; etag off; }
        """,
        get(
            "/x?Last-Modified=Sun%2C+09+Sep+2001+01%3A46%3A40+GMT",
            "/kept/x",
            "/a/b/c.txt?Last-Modified=Sun%2C+09+Sep+2001+01%3A46%3A40+GMT",
            "/kept/a/b/c.txt",
            "/status/404",
            "/kept/status/404",
            "/status/204",
            "/kept/status/204",
            "/status/206",
            "/kept/status/206",
            "/off/x",
            "/kept/off/x",
            "/unbuffered/x",
            "/kept/unbuffered/x",
            "/unbuffered/y?X-Accel-Buffering=yes&Last-Modified=Sun%2C+09+Sep+2001+01%3A46%3A40+GMT",
            "/kept/unbuffered/y",
            "/y?X-Accel-Buffering=no",
            "/kept/y",
            "/z?X-Accel-Redirect=%2Foff%2Fz",
            "/kept/z",
            "/dir/",
            "/kept/dir/x",
        )
        + get("/posted", method="POST", fields="Content-Length: 0"),
    ),
]
