"""Clients that ask a proxy again and again, and what they were told."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter

from tests.integration.servers import until

#: How an answer says who it is from: the rest of it may be empty, to leave in one write.
WHO = "X-Backend"


class Load:
    """Clients that send GET after GET, each on one connection, until `end` or `each` are sent."""

    def __init__(self, port: int, clients: int = 8, each: int | None = None) -> None:
        self.port = port
        #: status and X-Backend of each answer; an error's name where there was none
        self.answers: list[tuple[int | str, str]] = []
        #: the longest that a client waited for an answer, in seconds
        self.longest = 0.0
        self._each = each
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        left = self._each
        while not self._stop.is_set() and left != 0:
            left = left and left - 1
            began = time.monotonic()
            try:
                connection.request("GET", "/")
                response = connection.getresponse()
                response.read()
                self.answers.append((response.status, response.getheader(WHO, "")))
            except (OSError, http.client.HTTPException) as error:
                self.answers.append((type(error).__name__, ""))
                connection.close()
            self.longest = max(self.longest, time.monotonic() - began)
        connection.close()

    def more(self, count: int) -> None:
        """Wait for so many further answers."""
        wanted = len(self.answers) + count
        until(lambda: len(self.answers) >= wanted, f"{count} answers")

    def end(self) -> None:
        """Stop asking."""
        self._stop.set()
        self.join()

    def join(self) -> None:
        """Wait until every client has sent what it was to send."""
        for thread in self._threads:
            thread.join()

    @property
    def failed(self) -> list[int | str]:
        """What was answered instead of 200."""
        return [status for status, _ in self.answers if status != 200]

    @property
    def served(self) -> Counter[str]:
        """How many answers came from whom."""
        return Counter(who for status, who in self.answers if status == 200)
