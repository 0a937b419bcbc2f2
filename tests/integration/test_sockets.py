"""sendfile, splice, tcp_nopush and tcp_nodelay: what the kernel is asked for, seen by strace."""

from __future__ import annotations

import re

from twisted.trial.unittest import SkipTest

from tests.integration.client import STATIC, ask
from tests.integration.components import UNDER_TEST, IntegrationCase, program
from tests.integration.servers import directory, free_port, start_proxy

CONFIGURATION = """\
pid run.pid;
error_log error.log;
events {{ }}
http {{
    access_log off;
    sendfile {sendfile};
    tcp_nopush {tcp_nopush};
    tcp_nodelay {tcp_nodelay};
    server {{
        listen 127.0.0.1:{port};
        location / {{ root html; }}
        location /via/ {{ proxy_pass http://127.0.0.1:{port}/; {via} }}
    }}
}}
"""
FILE = b"0123456789abcdef" * 20_000  # 320 kB
TRACED = "trace=sendfile,setsockopt,sendmsg,sendto,write,writev,splice,recvfrom"


class SocketTests(IntegrationCase):
    """Serve one file twice under strace, and read the trace."""

    needs = ("the proxy", "strace")

    def trace(
        self,
        *,
        sendfile: str = "on",
        tcp_nopush: str = "off",
        tcp_nodelay: str = "on",
        path: str = "/file.bin",
        via: str = "",
    ) -> str:
        prefix, port = directory("sockets"), free_port()
        configuration, trace = prefix / "reverseproxy.conf", prefix / "trace.txt"
        (prefix / "html").mkdir()
        (prefix / "html" / "file.bin").write_bytes(FILE)
        switches = {"sendfile": sendfile, "tcp_nopush": tcp_nopush, "tcp_nodelay": tcp_nodelay}
        configuration.write_text(CONFIGURATION.format(port=port, via=via, **switches))
        strace = [program("strace") or "strace", "-f", "-qq", "-e", TRACED, "-o", str(trace)]
        server = start_proxy(configuration, prefix, port, under=strace)
        try:
            for _ in range(2):
                self.assertEqual(ask(port, path, host=STATIC).body, FILE)
        finally:
            server.stop()
        return trace.read_text(errors="replace")

    def test_sendfile_on(self) -> None:
        """With `sendfile on` the file goes through sendfile, and no other call carries it."""
        trace = self.trace(sendfile="on", tcp_nopush="off", tcp_nodelay="on")
        self.assertIn("sendfile(", trace)
        self.assertNotIn("0123456789abcdef", trace)

    def test_sendfile_off(self) -> None:
        """With `sendfile off` no sendfile is called."""
        trace = self.trace(sendfile="off", tcp_nopush="off", tcp_nodelay="on")
        self.assertNotIn("sendfile(", trace)
        self.assertIn("0123456789abcdef", trace)

    def test_nopush_on(self) -> None:
        """With `tcp_nopush on` the head waits for the file's first bytes: MSG_MORE or TCP_CORK."""
        trace = self.trace(sendfile="on", tcp_nopush="on", tcp_nodelay="off")
        self.assertRegex(trace, r"MSG_MORE|TCP_CORK, \[1\]")

    def test_nopush_off(self) -> None:
        """With `tcp_nopush off` nothing waits."""
        trace = self.trace(sendfile="on", tcp_nopush="off", tcp_nodelay="on")
        self.assertNotRegex(trace, r"MSG_MORE|TCP_CORK, \[1\]")

    def test_nodelay_on(self) -> None:
        """With `tcp_nodelay on` TCP_NODELAY is set."""
        trace = self.trace(sendfile="on", tcp_nopush="off", tcp_nodelay="on")
        self.assertRegex(trace, r"TCP_NODELAY, \[1\]")

    def test_nodelay_off(self) -> None:
        """With `tcp_nodelay off` TCP_NODELAY is not set."""
        trace = self.trace(sendfile="on", tcp_nopush="off", tcp_nodelay="off")
        self.assertNotRegex(trace, r"TCP_NODELAY, \[1\]")

    def test_splice(self) -> None:
        """A large proxied answer goes by splice, and only what comes with its head is read."""
        if UNDER_TEST == "nginx":
            raise SkipTest("nginx reads and writes what it proxies")
        trace = self.trace(path="/via/file.bin")
        moved = sum(int(size) for size in re.findall(r"splice\(.*\) = (\d+)", trace))
        # Two answers, each into the pipe and out of it; the first read takes up to 64 KiB.
        self.assertGreater(moved, 4 * (len(FILE) - 70_000))

    def test_no_splice(self) -> None:
        """An answer whose rate is limited is read."""
        trace = self.trace(path="/via/file.bin", via="proxy_limit_rate 100m;")
        self.assertNotIn("splice(", trace)
