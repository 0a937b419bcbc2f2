"""The `Date` field (RFC 9110 section 6.6.1) and the log's time, each made once a second."""

from __future__ import annotations

import time
from collections.abc import Callable

from reverseproxy.wire.conditional import http_date


class Dates:
    """Renders the time of day; `clock` gives seconds since the epoch."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._line_at = self._local_at = -1
        self._line = self._local = b""

    def line(self) -> bytes:
        """`Date: …` with its line end."""
        now = int(self.clock())
        if now != self._line_at:
            self._line_at = now
            self._line = b"Date: %b\r\n" % http_date(now)
        return self._line

    def local(self) -> bytes:
        """The Common Log Format's time, nginx's `$time_local`: 23/Nov/2026:10:05:03 +0000."""
        now = int(self.clock())
        if now != self._local_at:
            self._local_at = now
            then = time.localtime(now)
            self._local = b"%02d/%b/%04d:%02d:%02d:%02d %b" % (
                then.tm_mday,
                _MONTHS[then.tm_mon - 1],
                then.tm_year,
                then.tm_hour,
                then.tm_min,
                then.tm_sec,
                time.strftime("%z", then).encode(),
            )
        return self._local

    def iso(self) -> bytes:
        """ISO 8601, nginx's `$time_iso8601`: 2026-11-23T10:05:03+00:00."""
        then = time.localtime(int(self.clock()))
        zone = time.strftime("%z", then)
        text = time.strftime("%Y-%m-%dT%H:%M:%S", then)
        return f"{text}{zone[:3]}:{zone[3:]}".encode()


#: English whatever the locale says, as the format wants it.
_MONTHS = (b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec").split()
