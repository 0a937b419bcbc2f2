"""A failing machine, with the real daemon: slow clients, memory that ends, workers that are killed.

What is measured is printed: requests that were served and that failed, descriptors and memory.
"""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import socket
import threading
import time
from pathlib import Path

from tests.integration.daemons import DaemonCase, children, descriptors, resident
from tests.integration.servers import alive, until
from tests.integration.steady import Steady
from tests.integration.uploads import Uploads
from tests.integration.works import fields

SLOW = 1000
#: How long good clients ask, without slow ones and with them, in seconds.
MEASURED = 6.0
#: Between two bytes of a slow client, in seconds.
PAUSE = 0.4
#: What slow readers ask for: more than what the kernel keeps for them.
READ = 500_000


class SlowClients:
    """A third each sends a head, sends a body, and reads an answer: a byte at a time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sockets: list[tuple[int, socket.socket]] = []
        #: those that the daemon has cut
        self.lost = 0
        self.sent = self.read = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        """Connect all, and begin."""
        for number in range(SLOW):
            one = socket.socket()
            if number % 3 == 2:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.settimeout(20)
            one.connect(("127.0.0.1", self.port))
            if number % 3 == 1:
                one.sendall(b"PUT /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
            elif number % 3 == 2:
                one.sendall(b"GET /big/%d HTTP/1.1\r\nHost: a\r\n\r\n" % READ)
            self.sockets.append((number % 3, one))
        self._thread.start()

    def _run(self) -> None:
        head = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 1000
        turn = 0
        while not self._stop.wait(PAUSE):
            for kind, one in self.sockets:
                try:
                    if kind == 2:
                        self.read += len(one.recv(1))
                    else:
                        self.sent += one.send(head[turn : turn + 1])
                except OSError:
                    self.lost += 1
            turn += 1

    def end(self) -> None:
        """Leave, all at once."""
        self._stop.set()
        self._thread.join()
        for _, one in self.sockets:
            one.close()


class SlowClientTests(DaemonCase):
    def measured(self, what: str, load: Steady) -> float:
        """Let it go on for a while: answers a second; the longest wait is printed with them."""
        began, before = time.monotonic(), len(load.answers)
        load.longest = 0.0
        until(lambda: time.monotonic() - began >= MEASURED, "the time", MEASURED + 5)
        rate = (len(load.answers) - before) / (time.monotonic() - began)
        print(
            f"{what}: {rate:.0f} answers a second, the longest after {load.longest * 1000:.0f} ms"
        )
        return rate

    def test_slow_clients(self) -> None:
        """A thousand that send or read a byte now and then: no good request fails for it."""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
        self.configure()
        self.start()
        before = self.warm()
        load = self.load(clients=32, pause=0.02)
        alone = self.measured("without slow clients", load)
        slow = SlowClients(self.port)
        slow.start()
        within = self.measured(f"with {SLOW} slow clients", load)
        most = {pid: (len(descriptors(pid)), resident(pid)) for pid in children(self.master)}
        print(f"  descriptors and KiB of the workers meanwhile: {list(most.values())}")
        print(f"  {slow.sent} bytes were sent and {slow.read} read slowly, {slow.lost} were cut")
        self.assertGreater(sum(held[0] for held in most.values()), SLOW)
        self.assertEqual(slow.lost, 0)
        slow.end()
        self.finish(load)
        print(f"  the rate was {within / alone:.2f} of what it is without them")
        self.same(before, f"{SLOW} slow clients")
        self.clean()


class UploadCase(DaemonCase):
    """Uploads to a worker that something happens to."""

    def setUp(self) -> None:
        super().setUp()
        self.uploads = Uploads()
        self.addCleanup(self.uploads.close)

    def begin(self, more: str = "") -> None:
        """A daemon with what takes an upload whole, and what passes it on as it comes."""
        target = f"proxy_pass http://127.0.0.1:{self.uploads.port}/; add_header X-Worker $pid;"
        self.configure(
            # The limits of another user's process take more than root has in a container.
            main="user root;" if not os.geteuid() else "",
            server=f"""{more}
            location /whole/ {{ {target} }}
            location /stream/ {{ proxy_request_buffering off; proxy_http_version 1.1; {target} }}
            """,
        )
        self.start()

    def to(self, worker: int, path: str = "/") -> socket.socket:
        """A connection that is on that worker."""
        for _ in range(1000):
            one = socket.create_connection(("127.0.0.1", self.port), timeout=20)
            one.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            if self.answer(one)[1] == worker:
                self.addCleanup(one.close)
                return one
            one.close()
        raise AssertionError(f"no connection got to worker {worker}")

    def answer(self, one: socket.socket) -> tuple[int, int]:
        """The status of the next answer and its worker; 0 where the connection ends instead."""
        received = b""
        try:
            while b"\r\n\r\n" not in received:
                data = one.recv(65_536)
                if not data:
                    return 0, 0
                received += data
            head, _, body = received.partition(b"\r\n\r\n")
            found = fields(head)
            while len(body) < int(found[b"content-length"]):
                body += one.recv(65_536)
        except ConnectionError:
            return 0, 0
        return int(head[9:12]), int(found.get(b"x-worker", 0))

    def served(self, path: str, body: bytes) -> None:
        """An upload on a new connection arrives, whole."""
        known = len(self.uploads.found)
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as one:
            one.sendall(self.head(path, len(body)) + body)
            self.assertEqual(self.answer(one)[0], 200)
        upload = self.uploads.ended(known + 1)[-1]
        self.assertEqual(upload.digest, hashlib.sha256(body).hexdigest())

    def head(self, path: str, size: int | None) -> bytes:
        """Of an upload; without a size it goes in chunks."""
        framing = "Transfer-Encoding: chunked" if size is None else f"Content-Length: {size}"
        return f"PUT {path} HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n".encode()


class KilledUploadTests(UploadCase):
    SIZE = 20_000_000

    def test_killed(self) -> None:
        """A worker is killed while it takes an upload, or sends it: no upstream has it as whole."""
        self.begin()
        body = os.urandom(self.SIZE)
        for path, size, half, seen in (
            ("/whole/", self.SIZE, True, 0),
            ("/whole/", None, True, 0),
            ("/whole/", self.SIZE, False, 1),
            ("/stream/", self.SIZE, True, 1),
            ("/stream/", None, True, 1),
        ):
            known = len(self.uploads.found)
            victim = self.wait_for_workers(self.workers)[0]
            one = self.to(victim)
            if not half:
                # It is here as a whole, and on its way: the upstream does not read on.
                self.uploads.free.clear()
            part = body[: self.SIZE // 2] if half else body
            framed = b"%x\r\n%b\r\n" % (len(part), part) if size is None else part
            one.sendall(self.head(path, size) + framed)
            if seen:
                until(lambda known=known: len(self.uploads.found) > known, "the upload to begin")
            os.kill(victim, signal.SIGKILL)
            until(lambda victim=victim: not alive(victim), "the worker to be gone")
            self.uploads.free.set()
            self.assertEqual(self.answer(one), (0, 0))
            found = self.uploads.ended(known + seen)[known:]
            self.assertEqual([upload.whole for upload in found], [False] * seen, (path, size))
            print(path, size, "upstream had", [upload.received for upload in found])
            self.served(path, body)
        self.assertEqual(len(self.uploads.found), 3 + 5)


class MemoryTests(UploadCase):
    #: More than what is left to the worker.
    SIZE = 64 * 1024 * 1024
    LEFT = 24 * 1024 * 1024

    def limit(self, worker: int, size: int) -> None:
        """Let a process have so many bytes more than it has; less than none is no limit."""
        line = next(
            line
            for line in Path(f"/proc/{worker}/status").read_text().splitlines()
            if line.startswith("VmSize:")
        )
        most = int(line.split()[1]) * 1024 + size if size >= 0 else resource.RLIM_INFINITY
        resource.prlimit(worker, resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))

    def test_memory(self) -> None:
        """A worker gets no more memory: its upload is 500 or cut, and others go on.

        None of it is taken for a whole upload; what is passed on as it comes needs no memory.
        """
        # glibc would keep what is free between what is not: here what is freed is seen to be.
        self.patch(os, "environ", {**os.environ, "MALLOC_MMAP_THRESHOLD_": "16384"})
        self.begin(f"client_body_buffer_size {2 * self.SIZE};")
        before = self.warm()
        victim = children(self.master)[0]
        load = self.load(clients=16)
        body = os.urandom(self.SIZE)
        answers = []
        for path in ("/whole/", "/whole/", "/stream/"):
            one = self.to(victim)
            self.uploads.free.clear()
            self.limit(victim, self.LEFT)
            sender = threading.Thread(
                target=self.push, args=(one, self.head(path, self.SIZE) + body)
            )
            sender.start()
            if path == "/stream/":
                until(lambda: self.uploads.found, "the upload to begin")
            self.uploads.free.set()
            answers.append(self.answer(one)[0])
            sender.join()
            one.close()
            if not alive(victim):
                break
            self.limit(victim, -1)
        found = self.uploads.found
        state = "lives on" if alive(victim) else "died"
        print(f"{self.SIZE} bytes, {self.LEFT} left: answered {answers}, the worker {state}")
        # What reached an upstream is all of a body, or is seen to be cut.
        made = hashlib.sha256(body).hexdigest()
        self.assertEqual({upload.digest for upload in found if upload.whole} - {made}, set())
        self.assertEqual([status for status in answers[:2] if status == 200], [])
        for _ in range(3):
            self.served("/whole/", body)
        load.end()
        print(f"{len(load.failed)} of {len(load.answers)} good requests failed meanwhile")
        self.assertLessEqual({one.worker for one in load.failed}, {victim})
        self.assertIn("out of memory, what asked for it is dropped: MemoryError", self.log())
        self.assertNotIn("Traceback", self.log())
        # Idle connections to it are kept.
        self.uploads.close()
        self.same(before, "memory of a worker that ended")

    def push(self, one: socket.socket, data: bytes) -> None:
        """Send as much as is taken."""
        try:
            one.sendall(data)
        except OSError:
            pass
