"""Clients that stay connected and ask again and again, all of them in one thread.

Each request has a number in its path, and each answer names the process that it is from, so that it
is known of every connection which worker it is on.
"""

from __future__ import annotations

import itertools
import select
import selectors
import socket
import threading
import time
from collections import deque

import attrs

from tests.integration.servers import until
from tests.integration.works import fields

#: How long an answer may take before it counts as failed, in seconds.
PATIENCE = 20.0
#: Of requests: no two in a run are the same.
_numbers = itertools.count(1)


@attrs.frozen
class Answered:
    """An answer: the request's number, and what X-Worker and X-Is said."""

    number: int
    worker: int
    version: str


@attrs.frozen
class Failed:
    """A request without an answer of status 200, and the worker that the connection was on.

    `worker` is 0 where no answer had come on that connection yet.
    """

    number: int
    worker: int
    why: str


class Steady:
    """`clients` connections; each sends its next request `pause` seconds after an answer."""

    def __init__(self, port: int, clients: int = 64, pause: float = 0.05) -> None:
        self.answers: list[Answered] = []
        self.failed: list[Failed] = []
        #: the longest that a client waited for an answer, in seconds
        self.longest = 0.0
        self.port = port
        self.selector = selectors.DefaultSelector()
        self._pause = pause
        self._clients = [Client(self) for _ in range(clients)]
        self._due = deque((0.0, client) for client in self._clients)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        due = self._due
        while not self._stop.is_set():
            while due and due[0][0] <= time.monotonic():
                due.popleft()[1].ask()
            wait = max(due[0][0] - time.monotonic(), 0) if due else 0.1
            self._take(min(wait, 0.1))
        deadline = time.monotonic() + PATIENCE
        while any(client.asked for client in self._clients) and time.monotonic() < deadline:
            self._take(0.1)
        for client in self._clients:
            if client.asked:
                client.fail("no answer")
            client.close()
        self.selector.close()

    def _take(self, wait: float) -> None:
        for key, _events in self.selector.select(wait):
            key.data.take()

    def answered(self, client: Client) -> None:
        """It may ask again after a pause."""
        self._due.append((time.monotonic() + self._pause, client))

    def more(self, count: int) -> None:
        """Wait for so many further answers."""
        wanted = len(self.answers) + count
        until(lambda: len(self.answers) >= wanted, f"{count} answers")

    def move(self) -> None:
        """Let every client connect anew, and wait until it is known where each is."""
        for client in self._clients:
            client.moving = True
        until(
            lambda: all(c.worker and not c.moving for c in self._clients), "clients to have moved"
        )

    def end(self) -> None:
        """Ask no more; what is under way is answered first."""
        self._stop.set()
        self._thread.join()


class Client:
    """One connection."""

    def __init__(self, load: Steady) -> None:
        self._load = load
        self._socket: socket.socket | None = None
        self._received = b""
        self._began = 0.0
        #: the number of the request that waits for an answer, or 0
        self.asked = 0
        #: the process that answered last on this connection, or 0
        self.worker = 0
        #: whether it is to connect anew
        self.moving = False

    def ask(self) -> None:
        """Send the next request."""
        self.asked = next(_numbers)
        self._began = time.monotonic()
        # As any client: a connection that was closed meanwhile is not used.
        if self.moving or (
            self._socket is not None and select.select([self._socket], [], [], 0)[0]
        ):
            self.close()
            self.moving = False
        try:
            if self._socket is None:
                self._connect()
            self._socket.send(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % self.asked)
        except OSError as error:
            self.fail(type(error).__name__)

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._load.port), PATIENCE)
        self._load.selector.register(self._socket, selectors.EVENT_READ, self)

    def take(self) -> None:
        """Something came, or it was closed."""
        try:
            data = self._socket.recv(65_536)
        except OSError as error:
            self._ended(type(error).__name__)
            return
        if not data:
            self._ended("closed")
            return
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end:
            found = fields(head)
            if len(body) >= int(found[b"content-length"]):
                self._complete(head, found)

    def _complete(self, head: bytes, found: dict[bytes, bytes]) -> None:
        self._load.longest = max(self._load.longest, time.monotonic() - self._began)
        self._received = b""
        if not head.startswith(b"HTTP/1.1 200 "):
            self.fail(head[:40].decode())
            return
        self.worker = int(found[b"x-worker"])
        version = found.get(b"x-is", b"").decode()
        self._load.answers.append(Answered(self.asked, self.worker, version))
        self.asked = 0
        if found.get(b"connection") == b"close":
            self.close()
        self._load.answered(self)

    def _ended(self, why: str) -> None:
        """The server may close a connection on which nothing is asked."""
        if self.asked:
            self.fail(why)
        else:
            self.close()

    def fail(self, why: str) -> None:
        """There is no answer; the next request goes over another connection."""
        self._load.failed.append(Failed(self.asked, self.worker, why))
        self.asked = 0
        self.close()
        self._load.answered(self)

    def close(self) -> None:
        """Be connected no more."""
        self._received, self.worker = b"", 0
        if self._socket is not None:
            self._load.selector.unregister(self._socket)
            self._socket.close()
            self._socket = None
