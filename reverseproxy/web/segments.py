"""What a transport sends without having it in memory: pieces of files, and what is in a pipe."""

from __future__ import annotations

import os
import socket

import attrs

#: How many bytes one connection may send before the others get their turn.
TURN = 2 * 1024 * 1024


class Segment:
    """Something in a transport's queue that is not in memory: `remaining` bytes to be sent."""

    __slots__ = ()
    remaining: int
    #: whether the kernel took less the last time than it was offered: it is full
    stuck: bool
    #: whether nothing but full packets leaves until it is sent
    corked: bool

    def send(self, sock: socket.socket, most: int = TURN) -> int:
        """Hand up to `most` bytes to the kernel; 0 when there are fewer than there should be."""
        raise NotImplementedError

    def sent(self) -> None:
        """All of it was sent."""

    def drop(self) -> None:
        """It will not be sent."""


@attrs.define(eq=False)
class FileSegment(Segment):
    """`remaining` bytes of the open file `fd`, from `offset` on; `owner` keeps `fd` open.

    `chunk` is how many of them one system call may take at most.
    """

    fd: int
    offset: int
    remaining: int
    owner: object
    chunk: int = TURN
    stuck: bool = False
    corked: bool = False

    def send(self, sock: socket.socket, most: int = TURN) -> int:
        """As of the base class; 0 when the file is shorter than it was said to be."""
        count = min(self.remaining, self.chunk, most)
        sent = os.sendfile(sock.fileno(), self.fd, self.offset, count)
        self.offset += sent
        self.remaining -= sent
        self.stuck = sent < count
        return sent
