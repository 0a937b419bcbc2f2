"""Odd files on real sockets: refused or visibly cut, and never a hang."""

from __future__ import annotations

import os
import socket
import threading
import time

from tests.hostile.odd import KINDS, USES, cases
from tests.integration.client import ask
from tests.integration.components import IntegrationCase
from tests.integration.daemons import children, descriptors
from tests.integration.servers import Server, directory, free_port, start_proxy, until

#: Larger than all that the kernel keeps between two sockets.
LARGE = 24 * 1024 * 1024
CREDENTIALS = (("Authorization", "Basic YTpi"),)


class OddFileTests(IntegrationCase):
    """The table of `tests.hostile.odd`, and files that change while they are sent."""

    def start(self, locations: str = "") -> Server:
        """A daemon that serves `html`, with one worker, which has no rights of root's."""
        self.home, port = directory("odd"), free_port()
        self.html = self.home / "html"
        self.html.mkdir()
        path = self.home / "nginx.conf"
        path.write_text(
            "error_log error.log info; pid run.pid; worker_processes 1;\n"
            "events { }\n"
            f"http {{ access_log off; server {{ listen 127.0.0.1:{port}; root html;\n"
            f"{locations} }} }}\n"
        )
        server = start_proxy(path, self.home, port)
        self.addCleanup(server.stop)
        until(lambda: len(children(server.process.pid)) == 1, "the worker")
        (self.worker,) = children(server.process.pid)
        return server

    def clean(self) -> None:
        """Nothing unexpected is in the log."""
        for line in (self.home / "error.log").read_text().splitlines():
            if "is not a regular file" not in line and "user-file" not in line:
                self.assertNotRegex(line, r"\[(alert|emerg|crit)\]|[Uu]nhandled|Traceback")

    def test_table(self) -> None:
        """Each kind in each place is answered at once, as the table has it."""
        locations, wanted = [], []
        for number, odd in enumerate(cases()):
            directives, name, target = USES[odd.use]
            if "proxy_pass" in directives:
                continue
            base = f"html/{number}"
            for old, new in (
                ("location = /t", f"location = /{number}/t"),
                ("location /x", f"location /{number}/x"),
                ("location /sub/", f"location /{number}/sub/"),
                (" /odd", f" /{number}/odd"),
                ("/none", f"/{number}/none"),
                ("html/odd", f"{base}/odd"),
            ):
                directives = directives.replace(old, new)
            if "location" not in directives or "open_file_cache" in directives:
                # Locations of their own come behind what holds for this one.
                outer, _, inner = directives.partition("location")
                inner = f"location{inner}" if inner else ""
                directives = f"location /{number}/ {{ {outer} }}\n" + inner.replace(
                    "{", "{ " + outer, 1
                )
            locations.append(directives)
            wanted.append((odd, f"{base}/{name}", f"/{number}{target.decode()}"))
        server = self.start("\n".join(locations))
        for _, _, target in wanted:
            base = self.home / "html" / target.split("/")[1]
            (base / "sub").mkdir(parents=True)
            (base / "a.html").write_text("abc")
        for odd, path, _ in wanted:
            KINDS[odd.kind](str(self.home / path))
        ask(server.port, "/")
        before, longest = len(descriptors(self.worker)), 0.0
        for odd, _, target in wanted:
            began = time.monotonic()
            answer = ask(server.port, target, fields=CREDENTIALS)
            longest = max(longest, time.monotonic() - began)
            self.assertEqual(answer.status, odd.status, (odd, target))
        print(f"{len(wanted)} odd files refused, the longest after {longest * 1000:.0f} ms")
        # What open_file_cache keeps is kept.
        self.assertLessEqual(len(descriptors(self.worker)), before + 2 * len(KINDS))
        self.clean()

    def test_unreadable(self) -> None:
        """What the worker's user may not read is 403, in whatever place."""
        server = self.start(
            "location = /t { try_files /no/none /no.txt; } autoindex on;"
            "location = /e { error_page 404 /no.txt; return 404; }"
            "location /packed { gzip_static always; }"
        )
        for name in ("no.txt", "packed.txt.gz"):
            (self.html / name).write_text("secret")
            (self.html / name).chmod(0)
        (self.html / "packed.txt").write_text("plain")
        (self.html / "no").mkdir(mode=0)
        for target, status in {
            "/no.txt": 403,
            "/no/": 403,
            "/no/x": 403,
            "/t": 403,
            "/e": 403,
            "/packed.txt": 200,
        }.items():
            answer = ask(server.port, target)
            self.assertEqual(answer.status, status, target)
            self.assertNotIn(b"secret", answer.body)
        self.clean()

    def slow(self, server: Server, target: str) -> socket.socket:
        """A client that has asked and reads nothing yet."""
        client = socket.socket()
        self.addCleanup(client.close)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        client.settimeout(20)
        client.connect(("127.0.0.1", server.port))
        client.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        self.assertTrue(client.recv(1).startswith(b"H"))
        return client

    def body(self, client: socket.socket) -> bytes:
        """All that comes until the connection ends, less the head."""
        found = bytearray()
        try:
            while data := client.recv(1 << 20):
                found += data
        except ConnectionResetError:
            pass
        return bytes(found).partition(b"\r\n\r\n")[2]

    def test_changing(self) -> None:
        """Shrunk, a file is cut where it ends; replaced or removed, it is sent as it was."""
        server = self.start("location /read/ { sendfile off; } location /sent/ { sendfile on; }")
        for where in ("read", "sent"):
            (self.html / where).mkdir()
            for what in ("shrunk", "replaced", "removed"):
                path = self.html / where / what
                path.write_bytes(os.urandom(LARGE))
                client = self.slow(server, f"/{where}/{what}")
                if what == "shrunk":
                    os.truncate(path, 1000)
                elif what == "replaced":
                    (self.html / "new").write_bytes(b"new")
                    (self.html / "new").rename(path)
                else:
                    path.unlink()
                size = len(self.body(client))
                if what == "shrunk":
                    self.assertLess(size, LARGE, where)
                else:
                    self.assertEqual(size, LARGE, (where, what))
        self.assertEqual((self.home / "error.log").read_text().count("while it was sent"), 2)
        self.clean()

    def test_fifo_with_a_writer(self) -> None:
        """A fifo into which somebody writes is no file either, and loses nothing."""
        server = self.start()
        path = self.html / "fifo"
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        writer = threading.Thread(target=path.write_bytes, args=(b"x",))
        writer.start()
        self.assertEqual(ask(server.port, "/fifo").status, 404)
        writer.join()
        self.assertEqual(os.read(reader, 10), b"x")
