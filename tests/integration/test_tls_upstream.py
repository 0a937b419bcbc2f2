"""nginx as an upstream with TLS: whom the proxy trusts, and what it costs to send and to fetch."""

from __future__ import annotations

import hashlib
import http.client
import os
from pathlib import Path

import attrs

from tests.authorities import Authority, authority
from tests.integration.components import IntegrationCase, program
from tests.integration.servers import Server, directory, free_port, once, start_proxy, until

MEBIBYTE = 1024 * 1024
SIZE = 200 * MEBIBYTE
#: How much more memory a body of that size may take on its way.
MOST = 16 * MEBIBYTE
#: The servers behind, and what is particular to each.
BEHIND = {
    "good": "",
    "wrong": "",
    "expired": "",
    "unknown": "",
    "demanding": "ssl_verify_client on; ssl_client_certificate ca.pem;",
    "old": "ssl_protocols TLSv1.2;",
    "short": "keepalive_requests 1;",
}
UPSTREAM = """\
daemon off; worker_processes 1; error_log error.log info; pid run.pid;
{user}
events {{ }}
http {{
    log_format tls "$server_name $uri $ssl_session_reused $ssl_protocol $connection_requests "
                   "[$ssl_server_name] $ssl_client_verify $request_length";
    access_log access.log tls;
    client_max_body_size 0;
    client_body_temp_path body;
    ssl_session_cache shared:all:1m;
    root .; ssl_protocols TLSv1.2 TLSv1.3;
    {servers}
}}
"""
SERVER = """\
    server {{
        listen 127.0.0.1:{port} ssl; server_name {name};
        ssl_certificate {name}.pem; ssl_certificate_key {name}.key;
        {extra}
        location /put/ {{ dav_methods PUT; create_full_put_path on; }}
        location /say {{ return 200 "$ssl_protocol $ssl_client_s_dn"; }}
    }}
"""
PROXY = """\
error_log error.log info; pid run.pid; master_process off;
events {{ }}
http {{
    access_log off; client_max_body_size 0;
    client_body_temp_path body; proxy_temp_path proxy;
    proxy_ssl_trusted_certificate ca.pem; proxy_ssl_verify on;
    proxy_ssl_name good.test; proxy_ssl_server_name on;
    server {{
        listen 127.0.0.1:{port};
        {locations}
        location /pair/ {{
            proxy_pass https://127.0.0.1:{demanding}/;
            proxy_ssl_certificate good.pem; proxy_ssl_certificate_key good.key;
        }}
        location /address/ {{
            proxy_pass https://127.0.0.1:{good}/; proxy_ssl_name 127.0.0.1;
        }}
        location /streamed/ {{
            proxy_pass https://127.0.0.1:{good}/; proxy_request_buffering off;
        }}
        location /unverified/ {{
            proxy_pass https://127.0.0.1:{wrong}/; proxy_ssl_verify off;
        }}
        location /fresh/ {{
            proxy_pass https://127.0.0.1:{short}/; proxy_ssl_session_reuse off;
        }}
        location /thirteen/ {{
            proxy_pass https://127.0.0.1:{old}/; proxy_ssl_protocols TLSv1.3;
        }}
    }}
}}
"""


@attrs.frozen
class Pair:
    """The proxy and the nginx behind it, each with its directory."""

    proxy: Server
    upstream: Server


def _certificates(ca: Authority, home: Path, *names: str) -> None:
    (home / "ca.pem").write_bytes(ca.pem)
    for name in names:
        if name == "wrong":
            made = ca.issue("other.test")
        elif name == "expired":
            made = ca.issue("good.test", age=3, days=-1)
        elif name == "unknown":
            made = authority("Another CA").issue("good.test")
        else:
            made = ca.issue("good.test", "127.0.0.1", common_name="The Proxy")
        made.write(str(home), name)


@once
def pair() -> Pair:
    """Both, for every test."""
    ca, behind, home = authority(), directory("behind"), directory("proxy")
    _certificates(ca, behind, *BEHIND)
    _certificates(ca, home, "good")
    with (behind / "big").open("wb") as file:
        for _ in range(SIZE // MEBIBYTE):
            file.write(os.urandom(MEBIBYTE))
    ports = {name: free_port() for name in BEHIND}
    servers = [
        SERVER.format(port=ports[name], name=name, extra=extra) for name, extra in BEHIND.items()
    ]
    user = "user root;" if os.geteuid() == 0 else ""
    path = behind / "nginx.conf"
    path.write_text(UPSTREAM.format(servers="".join(servers), user=user))
    nginx = [program("nginx") or "nginx", "-p", f"{behind}/", "-c", str(path)]
    upstream = Server(nginx, ports["good"], behind)
    locations = [
        f"location /{name}/ {{ proxy_pass https://127.0.0.1:{port}/; }}\n"
        for name, port in ports.items()
    ]
    port = free_port()
    path = home / "nginx.conf"
    path.write_text(PROXY.format(port=port, locations="".join(locations), **ports))
    return Pair(start_proxy(path, home, port), upstream)


class TLSUpstreamTests(IntegrationCase):
    """`proxy_pass https://…` to nginx."""

    needs = ("the proxy", "nginx")

    def setUp(self) -> None:
        super().setUp()
        self.pair = pair()

    def ask(
        self, path: str, method: str = "GET", body: object = None, size: int | None = None
    ) -> tuple[int, str]:
        """An answer's status and the digest of its body, or the body where it is short."""
        connection = http.client.HTTPConnection("127.0.0.1", self.pair.proxy.port, timeout=60)
        fields = {} if size is None else {"Content-Length": str(size)}
        connection.request(method, path, body, fields)  # type: ignore[arg-type]  # an iterator too
        answer = connection.getresponse()
        digest, short, length = hashlib.sha256(), b"", 0
        while data := answer.read(MEBIBYTE):
            digest.update(data)
            length += len(data)
            short = data
        connection.close()
        return answer.status, short.decode() if length < 1000 else digest.hexdigest()

    def logged(self, name: str = "") -> list[str]:
        """The lines of nginx's access log, of one server."""
        lines = (self.pair.upstream.home / "access.log").read_text().splitlines()
        return [line for line in lines if line.startswith(name)]

    def assert_refused(self, path: str, *words: str) -> None:
        """A request is answered with 502, and the error log says why."""
        self.assertEqual(self.ask(path)[0], 502)
        lines = (self.pair.proxy.home / "error.log").read_text().splitlines()
        line = next(line for line in reversed(lines) if f'"GET {path} ' in line)
        for word in words:
            self.assertIn(word, line)

    def test_trusted(self) -> None:
        """A certificate of the name, or of the address, will do; or any if none is asked for."""
        self.assertEqual(self.ask("/good/say"), (200, "TLSv1.3 "))
        self.assertEqual(self.ask("/address/say"), (200, "TLSv1.3 "))
        self.assertEqual(self.ask("/unverified/say"), (200, "TLSv1.3 "))
        until(lambda: any("[good.test]" in line for line in self.logged("good ")), "the name")

    def test_not_trusted(self) -> None:
        """What is wrong with a certificate is said."""
        self.assert_refused("/wrong/say", 'does not match "good.test": it has other.test')
        self.assert_refused("/expired/say", "(10:certificate has expired) at depth 0")
        self.assert_refused("/unknown/say", 'issuer "CN=Another CA"', 'wanted: "good.test"')
        self.assertEqual([line for line in self.logged() if "/say" in line and "wrong" in line], [])

    def test_client_certificate(self) -> None:
        """The proxy shows its own certificate to who demands one; without one nginx says 400."""
        self.assertEqual(self.ask("/pair/say"), (200, "TLSv1.3 CN=The Proxy"))
        self.assertEqual(self.ask("/demanding/say")[0], 400)

    def test_old(self) -> None:
        """TLS 1.2 is spoken with who has no other, unless it is not to be."""
        self.assertEqual(self.ask("/old/say"), (200, "TLSv1.2 "))
        self.assert_refused("/thirteen/say", "SSL handshake failed (SSL: ", "protocol version")

    def test_kept(self) -> None:
        """A connection is used again; a new one resumes the session, unless it is not to."""
        for _ in range(3):
            self.assertEqual(self.ask("/good/kept")[0], 404)
            self.assertEqual(self.ask("/short/kept")[0], 404)
            self.assertEqual(self.ask("/fresh/kept")[0], 404)
        until(lambda: len([line for line in self.logged() if "/kept" in line]) == 9, "the log")
        kept = [line.split() for line in self.logged("good /kept")]
        numbers = [int(line[4]) for line in kept]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + 3)))
        found = [line.split()[2] for line in self.logged("short /kept")]
        # By turns from /short/, which resumes from its second connection on, and from /fresh/.
        self.assertEqual(found, [".", ".", "r", ".", "r", "."])

    def watched(self, path: str, method: str = "GET", body: object = None) -> tuple[int, str, int]:
        """An answer, and how much more memory it took at most."""
        pid = self.pair.proxy.process.pid
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # VmHWM begins anew
        before = _memory(pid, "VmRSS")
        status, text = self.ask(path, method, body, SIZE if body is not None else None)
        return status, text, _memory(pid, "VmHWM") - before

    def test_download(self) -> None:
        """200 MB arrive as they are, and take no memory."""
        digest = hashlib.sha256((self.pair.upstream.home / "big").read_bytes()).hexdigest()
        status, found, grown = self.watched("/good/big")
        self.assertEqual((status, found), (200, digest))
        self.assertLess(grown, MOST)

    def test_upload(self) -> None:
        """So do 200 MB on their way up, from a file or as they come."""
        piece = os.urandom(MEBIBYTE)
        wanted = hashlib.sha256()
        for _ in range(SIZE // MEBIBYTE):
            wanted.update(piece)
        for path in ("/good", "/streamed"):
            pieces = (piece for _ in range(SIZE // MEBIBYTE))
            status, _, grown = self.watched(f"{path}/put{path}", "PUT", pieces)
            self.assertEqual(status, 201)
            self.assertLess(grown, MOST, path)
            stored = self.pair.upstream.home / f"put{path}"
            self.assertEqual(hashlib.sha256(stored.read_bytes()).digest(), wanted.digest())


def _memory(pid: int, name: str) -> int:
    """A number of bytes from a process's status."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no {name}")
