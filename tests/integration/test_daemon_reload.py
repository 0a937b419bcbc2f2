"""A daemon is reloaded again and again under load, and nobody notices."""

from __future__ import annotations

import hashlib
import http.client
import os
import pwd
import signal
import socket
import time
from collections import Counter
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.integration.client import ask
from tests.integration.daemons import DaemonCase, children
from tests.integration.servers import answers, free_port, until
from tests.integration.websocket import masked, open_websocket, read_frame
from tests.integration.works import PIECE, digest, pieces

RELOADS = 100
DOWNLOAD = 200_000_000
UPLOAD = 50_000_000


class Download:
    """A body that is read as slowly as one likes."""

    def __init__(self, port: int, size: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self._connection.request("GET", f"/big/{size}", headers={"Host": "a"})
        self._response = self._connection.getresponse()
        self.digest = hashlib.sha256()

    def take(self, count: int) -> None:
        """Read so many bytes."""
        while count:
            data = self._response.read(min(count, 1_000_000))
            if not data:
                raise AssertionError(f"{self._response.length} bytes are missing")
            count -= len(data)
            self.digest.update(data)

    def close(self) -> None:
        self._connection.close()


class Upload:
    """A body that is sent as slowly as one likes."""

    def __init__(self, port: int, path: str, size: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self._connection.putrequest("POST", path)
        self._connection.putheader("Content-Length", str(size))
        self._connection.endheaders()
        self._pieces = pieces(size)

    def send(self, count: int) -> None:
        """Send so many bytes."""
        for _ in range(count // PIECE):
            self._connection.send(next(self._pieces))

    def answer(self) -> str:
        """What the server made of it."""
        return self._connection.getresponse().read().decode()

    def close(self) -> None:
        self._connection.close()


class ReloadTests(DaemonCase):
    def version_is(self, version: str) -> None:
        """Write a configuration that can be told from others."""
        self.configure(
            http="proxy_max_temp_file_size 0;",
            server=f"add_header X-Is {version}; add_header X-Worker $pid;"
            "location /streamed { proxy_pass http://app; proxy_request_buffering off; }",
        )

    def test_under_load(self) -> None:
        """100 reloads: no request fails, and what lasts through all of them arrives whole."""
        self.version_is("even")
        self.start()
        load = self.load()
        for number in range(10):
            self.version_is(("even", "odd")[number % 2])
            self.reload()
        load.end()
        before = self.quiet()
        load = self.load()
        chat = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        self.addCleanup(chat.close)
        open_websocket(chat)
        download = Download(self.port, DOWNLOAD)
        uploads = [Upload(self.port, path, UPLOAD) for path in ("/upload", "/streamed")]
        for one in (download, *uploads):
            self.addCleanup(one.close)
        began = time.monotonic()
        for number in range(RELOADS):
            version = ("even", "odd")[number % 2]
            self.version_is(version)
            self.reload()
            self.assertEqual(self.version(), version)
            chat.sendall(masked(b"%d" % number))
            self.assertEqual(read_frame(chat), (1, b"%d" % number))
            download.take(DOWNLOAD // RELOADS)
            for upload in uploads:
                upload.send(UPLOAD // RELOADS)
        took = time.monotonic() - began
        self.assertEqual(download.digest.hexdigest(), digest(DOWNLOAD))
        for upload in uploads:
            self.assertEqual(upload.answer(), digest(UPLOAD))
        for one in (download, *uploads):
            one.close()
        chat.close()
        self.finish(load)
        seen = Counter(one.version for one in load.answers)
        print(f"{RELOADS} reloads in {took:.1f} s; answers {dict(seen)}")
        self.assertEqual(set(seen), {"even", "odd"})
        self.assertLess(took, 20)
        self.same(before, f"{RELOADS} reloads")
        self.clean()

    def test_broken(self) -> None:
        """20 broken configurations: each is told, the old one serves on, no request fails."""
        self.version_is("well")
        self.start()
        workers = children(self.master)
        for number in range(5):
            self.broken(-1 - number)
        before = self.warm()
        load = self.load()
        for number in range(20):
            self.broken(number)
            self.assertEqual(self.version(), "well")
        self.finish(load)
        for number in range(20):
            self.assertEqual(self.log().count(f'"nonsense{number}"'), 1, self.log())
        self.assertEqual({one.version for one in load.answers}, {"well"})
        self.assertEqual(children(self.master), workers)
        self.same(before, "20 broken configurations")

    def broken(self, number: int) -> None:
        """Reload a configuration that is wrong in a way of its own, and has much that is right."""
        self.configure(http=f"access_log {number}.log; nonsense{number} on;")
        self.told("the configuration is as it was", lambda: self.signal(signal.SIGHUP))


class ChangeTests(DaemonCase):
    """What a reload can change besides the answers."""

    def test_workers(self) -> None:
        """Workers are started, or drained, until there are as many as worker_processes says."""
        self.configure()
        self.start()
        first = set(children(self.master))
        load = self.load()
        for count in (3, 1, 4, 2):
            self.configure(workers=count)
            self.reload()
            now = set(self.wait_for_workers(count))
            self.assertTrue(now & first, "all were replaced")
            load.move()
            served = len(load.answers)
            load.more(64)
            self.assertLessEqual({one.worker for one in load.answers[served:]}, now)
        for count in (4, 1) * 5:
            # Who was started a moment ago is told to finish.
            self.configure(workers=count)
            self.reload()
        self.wait_for_workers(1)
        load.more(64)
        self.finish(load)
        self.clean()

    def test_user(self) -> None:
        """Another `user` is another set of workers, which serve before the old ones go."""
        if os.geteuid() != 0:
            raise SkipTest("only root can become somebody else")
        self.configure()
        self.start()
        first = children(self.master)
        load = self.load()
        self.configure(main="user daemon;")
        self.reload()
        until(lambda: not set(first) & set(children(self.master)), "the old workers to end")
        self.wait_for_workers(self.workers)
        load.more(64)
        self.finish(load)
        for pid in children(self.master):
            self.assertEqual(Path(f"/proc/{pid}").stat().st_uid, pwd.getpwnam("daemon").pw_uid)
        self.clean()

    def test_listen(self) -> None:
        """A new address is opened; one that is gone is closed, everywhere, and its file too."""
        self.configure()
        self.start()
        before = self.warm()
        load = self.load()
        other, name = free_port(), self.home / "other.sock"
        # Workers that are started meanwhile hold it too.
        extra = f"server {{ listen 127.0.0.1:{other}; listen unix:{name}; return 200 other; }}"
        self.configure(workers=3, http=extra)
        self.reload()
        self.assertEqual(ask(other, "/", host="a").body, b"other")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(name))
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.assertIn(b" 200 ", client.recv(1000))
        self.configure(workers=3)
        self.reload()
        self.assertFalse(answers(other))
        self.assertFalse(name.exists())
        self.finish(load)
        self.same(before, "two addresses more, and gone")
        self.clean()
