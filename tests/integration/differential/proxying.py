"""What reaches an upstream, and what comes back."""

from __future__ import annotations

from tests.integration.differential import Case, get

CASES = [
    Case(
        "proxy_pass mapping",
        """
        location / { proxy_pass http://127.0.0.1:{upstream}; }
        location /uri/ { proxy_pass http://127.0.0.1:{upstream}/; }
        location /deep/ { proxy_pass http://127.0.0.1:{upstream}/to/there/; }
        location /noslash { proxy_pass http://127.0.0.1:{upstream}/x; }
        location ~ ^/regex { proxy_pass http://127.0.0.1:{upstream}; }
        location = /exact { proxy_pass http://127.0.0.1:{upstream}/other; }
        location /rewritten/ { rewrite ^/rewritten/(.*)$ /done/$1 break;
                               proxy_pass http://127.0.0.1:{upstream}; }
        """,
        get(
            "/a/b?c=d",
            "/a%20b",
            "/a%2Fb",
            "/uri/x?y",
            "/uri/",
            "/uri",
            "/uri?a=b",
            "/uri/a%20b",
            "/uri/a%2Fb%3Fc",
            "/deep/x",
            "/deep",
            "/noslash",
            "/noslash/y",
            "/noslashy",
            "/regex/x?y",
            "/exact?z",
            "/rewritten/a?b",
            "/rewritten/a%20b",
            "/a?b?c",
            "/a?",
        ),
    ),
    Case(
        "proxy_set_header",
        """
        proxy_set_header X-Server server;
        proxy_set_header Connection "";
        location / { proxy_pass http://127.0.0.1:{upstream}; }
        location /own/ { proxy_set_header X-Own "$request_method $uri";
                         proxy_set_header Host $host;
                         proxy_set_header Connection "";
                         proxy_set_header Accept-Encoding "";
                         proxy_pass http://127.0.0.1:{upstream}; }
        location /addr/ { proxy_set_header X-Real-IP $remote_addr;
                          proxy_set_header Connection "";
                          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                          proxy_pass http://127.0.0.1:{upstream}; }
        """,
        get("/x", "/own/y", "/addr/z", fields="Accept-Encoding: br\nX-Own: client\nX-Server: c")
        + get("/addr/z", fields="X-Forwarded-For: 1.2.3.4\nX-Real-IP: 6.6.6.6")
        + get("/x", fields="TE: trailers\nKeep-Alive: 5\nUpgrade: h2c")
        + get("/x", fields="X-A: 1\nX-A: 2\nCookie: a=1\nCookie: b=2"),
    ),
    Case(
        "answers",
        """
        location / { proxy_pass http://127.0.0.1:{upstream}; }
        """,
        get(
            "/status/201",
            "/status/404",
            "/status/500",
            "/status/304",
            "/status/204",
            "/x?X-Own=1&X-Accel-Expires=0&X-Pad=x",
            "/x?Set-Cookie=a%3D1&Set-Cookie=b%3D2",
            "/x?Content-Type=text%2Fhtml%3B+charset%3Dutf-8",
            "/x?Date=yesterday&Server=other",
            "/x?ETag=%22abc%22&Last-Modified=Sun%2C+09+Sep+2001+01%3A46%3A40+GMT",
        ),
    ),
    Case(
        "proxy_redirect",
        """
        location / { proxy_pass http://127.0.0.1:{upstream}; }
        location /uri/ { proxy_pass http://127.0.0.1:{upstream}/; }
        location /off/ { proxy_pass http://127.0.0.1:{upstream}/; proxy_redirect off; }
        location /pair/ { proxy_pass http://127.0.0.1:{upstream}/;
                          proxy_redirect http://old.test/ http://$host/new/; }
        """,
        get(
            "/status/302?Location=http%3A%2F%2F127.0.0.1%3A{upstream}%2Fx",
            "/uri/status/302?Location=http%3A%2F%2F127.0.0.1%3A{upstream}%2Fx",
            "/off/status/302?Location=http%3A%2F%2F127.0.0.1%3A{upstream}%2Fx",
            "/pair/status/302?Location=http%3A%2F%2Fold.test%2Fx",
            "/status/302?Location=%2Frelative",
            "/uri/x?Refresh=5%3B+url%3Dhttp%3A%2F%2F127.0.0.1%3A{upstream}%2Fy",
        ),
    ),
    Case(
        "proxy_redirect in all forms",
        """
        location / { proxy_pass http://127.0.0.1:{upstream};
                     proxy_redirect ~^http://re.test(:[0-9]+)?(/.*)$ $2;
                     proxy_redirect ~*^HTTP://(?<sub>[a-z]+).ci.test/(.*)$ https://$sub.new/$2;
                     proxy_redirect http://$host/v/ /var/;
                     proxy_redirect default;
                     proxy_redirect /rel/ /abs/; }
        location /plain/ { absolute_redirect off; proxy_pass http://127.0.0.1:{upstream};
                           proxy_redirect http://a.test/ /b/; }
        location /two/ { proxy_redirect off; proxy_pass http://127.0.0.1:{upstream}; }
        """,
        get(
            "/status/302?Location=http%3A%2F%2Fre.test%2Fx",
            "/status/302?Location=http%3A%2F%2Fre.test%3A99%2Fx",
            "/status/302?Location=http%3A%2F%2FRE.test%2Fx",
            "/status/302?Location=http%3A%2F%2FAB.Ci.test%2Fx%2Fy",
            "/status/302?Location=http%3A%2F%2Flocalhost%2Fv%2Fx",
            "/status/302?Location=http%3A%2F%2F127.0.0.1%3A{upstream}%2Fx",
            "/status/302?Location=%2Frel%2Fx",
            "/status/302?Location=%2Fother",
            "/x?Refresh=5%3B+url%3Dhttp%3A%2F%2Flocalhost%2Fv%2Fx",
            "/x?Refresh=5",
            "/plain/status/302?Location=http%3A%2F%2Fa.test%2Fx",
            "/two/status/302?Location=http%3A%2F%2Fa.test%2Fx",
        ),
    ),
    Case(
        "cookies",
        """
        location / { proxy_pass http://127.0.0.1:{upstream};
                     proxy_cookie_domain .old.test $host;
                     proxy_cookie_domain ~^(.*)[.]re[.]test$ .$1.new;
                     proxy_cookie_path /app/ /;
                     proxy_cookie_path ~*^/up(/.*) $1; }
        location /flags/ { proxy_pass http://127.0.0.1:{upstream};
                           proxy_cookie_flags one secure httponly samesite=strict;
                           proxy_cookie_flags ~^two nosecure nohttponly nosamesite;
                           proxy_cookie_flags three samesite=lax;
                           proxy_cookie_flags ~ samesite=none; }
        """,
        get(
            *(
                f"/x?Set-Cookie={cookie}"
                for cookie in (
                    "a%3D1",
                    "a%3D1%3B+Domain%3Dold.test%3B+Path%3D%2Fapp%2Fx%3B+Secure",
                    "a%3D1%3Bdomain%3D.OLD.test%3Bpath%3D%2FUP%2Fx",
                    "a%3D1%3B++domain%3Db.re.test%3B+path%3D%2Fno",
                    "a%3D1%3B+domain%3Dx.old.test%3B+path",
                    "domain%3Dold.test%3B+Max-Age%3D3%3B+Domain%3Dold.test",
                )
            ),
            *(
                f"/flags/x?Set-Cookie={cookie}"
                for cookie in (
                    "one%3D1",
                    "one%3D1%3B+secure%3B+httponly%3B+samesite%3Dstrict",
                    "one%3D1%3B+secure%3D1%3B+samesite%3B+SECURE",
                    "four%3D1%3BSameSite%3DNone%3B+samesite%3Dnone",
                    "ONE%3D1%3B+Secure%3B+HttpOnly%3B+SameSite%3DLax%3B+Path%3D%2F",
                    "two2%3D1%3B+Secure%3B+HttpOnly%3B+SameSite%3DLax%3B+Path%3D%2F",
                    "three%3D1",
                    "four%3D1%3BSameSite%3Dx",
                    "four%3D1%3Bsamesite%3Dlax%3B+SAMESITE%3Dx",
                    "two%3D1%3B+secure%3B+Secure",
                )
            ),
        ),
    ),
    Case(
        "fields hidden, passed and ignored",
        """
        location / { proxy_pass http://127.0.0.1:{upstream}; proxy_hide_header X-Own;
                     proxy_hide_header ETag; proxy_pass_header X-Pad;
                     proxy_pass_header X-Accel-Expires; }
        location /ignore/ { proxy_pass http://127.0.0.1:{upstream};
                            proxy_ignore_headers X-Accel-Redirect X-Accel-Limit-Rate; }
        """,
        get(
            "/x?X-Own=1&X-Accel-Expires=0&X-Pad=x&ETag=%22a%22",
            "/x?X-Accel-Limit-Rate=1000000&X-Accel-Buffering=no",
            "/ignore/x?X-Accel-Redirect=%2Fx&X-Accel-Limit-Rate=1",
        ),
    ),
    Case(
        "proxy_intercept_errors",
        """
        proxy_intercept_errors on;
        error_page 404 /missing; error_page 401 500 =503 @named; error_page 302 = /found;
        location / { proxy_pass http://127.0.0.1:{upstream}; }
        location = /missing { return 200 "missing $request_method\\n"; }
        location = /found { return 200 "found\\n"; }
        location @named { return 200 "named\\n"; }
        """,
        get(
            "/status/404",
            "/status/401?WWW-Authenticate=Basic",
            "/status/500?X-A=1",
            "/status/302?Location=%2Fx",
            "/status/403",
            "/status/200",
        )
        + get("/status/404", method="HEAD"),
    ),
    Case(
        "how an upstream is asked",
        """
        location / { proxy_pass http://127.0.0.1:{upstream}; proxy_request_buffering off; }
        location /old/ { proxy_pass http://127.0.0.1:{upstream}; proxy_http_version 1.0; }
        location /method/ { proxy_pass http://127.0.0.1:{upstream}; proxy_method $arg_m; }
        location /body/ { proxy_pass http://127.0.0.1:{upstream}; proxy_set_body "<$uri>"; }
        location /empty/ { proxy_pass http://127.0.0.1:{upstream}; proxy_set_body ""; }
        location /bare/ { proxy_pass http://127.0.0.1:{upstream};
                          proxy_pass_request_headers off; proxy_set_header X-B 2;
                          proxy_set_header Connection ""; }
        """,
        (
            b"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            b"GET /x HTTP/1.1\r\n\r\n",
            b"GET /old/x HTTP/1.1\r\nX-A: 1\r\n\r\n",
            b"GET /method/x?m=OPTIONS HTTP/1.1\r\n\r\n",
            b"POST /body/x HTTP/1.1\r\nContent-Length: 3\r\nX-A: 1\r\n\r\nabc",
            b"GET /body/x HTTP/1.1\r\n\r\n",
            b"GET /empty/x HTTP/1.1\r\n\r\n",
            b"POST /bare/x HTTP/1.1\r\nContent-Length: 3\r\nX-A: 1\r\n\r\nabc",
        ),
    ),
    Case(
        "X-Accel-Redirect",
        """
        location / { proxy_pass http://127.0.0.1:{upstream}; }
        location /files/ { internal; rewrite ^/files(.*)$ $1 break; }
        location @named { return 200 "named $uri\\n"; }
        """,
        get(
            "/x?X-Accel-Redirect=%2Ffiles%2Fa.txt",
            "/x?X-Accel-Redirect=%2Ffiles%2Fa.txt&Content-Type=text%2Fcsv&X-Other=lost",
            "/x?X-Accel-Redirect=%2Ffiles%2Fa.txt&Set-Cookie=a%3D1&Content-Disposition=attachment",
            "/x?X-Accel-Redirect=%2Ffiles%2Fnope",
            "/x?X-Accel-Redirect=%40named",
            "/files/a.txt",
        )
        + get("/x?X-Accel-Redirect=%2Ffiles%2Fa.txt", fields="Range: bytes=1-3"),
    ),
    Case(
        "gzip of answers",
        """
        gzip on; gzip_min_length 10; gzip_vary on; gzip_proxied any; gzip_types text/plain;
        location / { proxy_pass http://127.0.0.1:{upstream}; gzip_http_version 1.0; }
        location /files/ { }
        """,
        get("/x", "/long.txt", fields="Accept-Encoding: identity")
        + get(
            "/x?Content-Encoding=br", "/x?Content-Type=image%2Fgif", fields="Accept-Encoding: gzip"
        ),
    ),
    Case(
        "101 to another protocol",
        """
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
        location / { proxy_pass http://127.0.0.1:{upstream}; }
        """,
        tuple(
            request.replace(b"Upgrade: %s", b"Upgrade: " + offered)
            for offered in (b"websocket", b"websocket, h2c")
            for request in get(
                "/status/101?Upgrade=tls",
                "/status/101?Upgrade=websocket%2C+tls",
                "/status/101",
                fields="Upgrade: %s\nConnection: upgrade, close",
            )
        )
        + get("/status/101?Upgrade=websocket", fields="Upgrade: websocket"),
        reason="RFC 9110 section 7.8: a switch is to what the client offered; nginx makes a tunnel "
        "whatever the 101 names, also for a client whose Connection does not name Upgrade",
    ),
]
