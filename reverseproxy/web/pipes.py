"""Bodies that never enter this process: splice(2) moves them from a socket through a pipe.

A `Pipe` stands in the queue of a transport as a `Segment` does: it is filled from one socket and
emptied into another. Pages change hands and are not copied. A pipe costs two descriptors, so a few
are kept for the next body, and whoever gets none does without.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from os import splice

from .segments import TURN, Segment

#: How much a pipe is asked to hold. An unprivileged user's may not be larger by default (pipe(7)).
SIZE = 1024 * 1024
#: How many empty ones are kept.
IDLE = 8
#: A body of which less than this is still to come is read and written: that costs no more.
WORTH = 64 * 1024
#: What a kernel says that can't (some that only look like Linux).
UNABLE = frozenset((errno.EINVAL, errno.ENOSYS))
_FLAGS = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK


class Pipe(Segment):
    """A pipe with `remaining` bytes in it, which are somebody's body."""

    corked = False

    __slots__ = ("_ended", "_kept", "_reads", "_writes", "remaining", "stuck")

    def __init__(self, kept: Kept) -> None:
        """`kept` is where it goes when it is empty and nobody uses it. Raises OSError."""
        self.remaining = 0
        self.stuck = False
        self._reads, self._writes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._kept = kept
        self._ended = False
        with contextlib.suppress(OSError):
            # Beyond the user's share (pipe-user-pages-soft) it stays as small as it is.
            fcntl.fcntl(self._writes, fcntl.F_SETPIPE_SZ, SIZE)

    def fill(self, sock: socket.socket, most: int) -> int:
        """Take up to `most` bytes that arrived; 0 when no more come. Raises BlockingIOError.

        That one also means that the pipe is full, if there is something in it.
        """
        count = splice(sock.fileno(), self._writes, min(most, SIZE), flags=_FLAGS)
        self.remaining += count
        return count

    def send(self, sock: socket.socket, most: int = TURN) -> int:
        """Hand on what a socket takes. Raises OSError."""
        count = min(self.remaining, most)
        sent = splice(self._reads, sock.fileno(), count, flags=_FLAGS)
        self.remaining -= sent
        self.stuck = sent < count
        return sent

    def end(self) -> None:
        """Nothing more is put in: when it is empty, it is free for the next body."""
        self._ended = True
        self.sent()

    def sent(self) -> None:
        if self._ended and not self.remaining and self._reads >= 0:
            self._kept.give(self)

    def drop(self) -> None:
        """Close it, with what is in it."""
        if self._reads >= 0:
            os.close(self._reads)
            os.close(self._writes)
            self._reads = self._writes = -1

    def begin(self) -> Pipe:
        """Be somebody's."""
        self._ended = False
        return self


class Kept:
    """Empty pipes that wait for the next body; the sweep closes those that were not needed."""

    def __init__(self) -> None:
        self._pipes: list[Pipe] = []
        #: how many of them nobody took since the last sweep
        self._unused = 0
        #: whether there are none to be had, for the kernel can't fill them
        self.useless = False

    def __len__(self) -> int:
        return len(self._pipes)

    def take(self) -> Pipe | None:
        """A pipe, or None where there is none to be had."""
        if self.useless:
            return None
        if self._pipes:
            pipe = self._pipes.pop()
            self._unused = min(self._unused, len(self._pipes))
            return pipe.begin()
        try:
            return Pipe(self)
        except OSError:
            # No descriptor is left: then as if there were no pipes.
            return None

    def give(self, pipe: Pipe) -> None:
        """Keep an empty pipe, or close it."""
        if len(self._pipes) < IDLE:
            self._pipes.append(pipe)
        else:
            pipe.drop()

    def check(self, _now: float) -> None:
        """Close those that were not needed since the last call."""
        for pipe in self._pipes[: self._unused]:
            pipe.drop()
        del self._pipes[: self._unused]
        self._unused = len(self._pipes)

    def close(self) -> None:
        """Close all of them."""
        self._unused = len(self._pipes)
        self.check(0.0)


#: What a process has of them.
KEPT = Kept()
