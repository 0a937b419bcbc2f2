"""The hostile tables on real sockets: what a server answers to each client and each upstream.

All of it is one asyncio program, many cases at a time: the clients, the upstream that answers
honestly and says what it was asked, and the upstream that is broken as its request's path says.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import attrs

from tests.hostile import upstreams
from tests.hostile.strict import Reply, RequestReader, read_replies

#: How many connections there are at a time.
AT_ONCE = 150
#: A client waits so long for more, in seconds.
SILENCE = 1.0
#: What an upstream that says nothing is given, in the configuration.
READ_TIMEOUT = "900ms"
#: How a connection to an upstream ends; cancelled are those that are left over.
_ENDS = (OSError, asyncio.IncompleteReadError, asyncio.CancelledError)


@attrs.frozen
class Answered:
    """What a client was answered: each answer, and whether the connection was ended.

    An answer is its status and its body, where that is an upstream's; "cut" where some is missing.
    """

    replies: tuple[tuple[int | str, bytes], ...]
    ended: bool

    @property
    def statuses(self) -> tuple[int | str, ...]:
        """Without what an upstream said."""
        return tuple(status for status, _ in self.replies)


def _seen(reply: Reply) -> tuple[int | str, bytes]:
    own = reply.status >= 300 or not reply.complete
    return (reply.status if reply.complete else "cut"), b"" if own else reply.body


async def _ask(port: int, sent: Sequence[bytes], methods: tuple[bytes, ...]) -> Answered:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received, ended = b"", True
    try:
        writer.write(b"".join(sent))
        while True:
            data = await asyncio.wait_for(reader.read(65_536), SILENCE)
            if not data:
                break
            received += data
    except TimeoutError:
        ended = False
    except OSError:
        pass
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    try:
        found = read_replies(received, list(methods), "closed" if ended else "")
    except Exception:  # noqa: BLE001 - what h11 says of it
        return Answered((("unreadable", b""),), ended)
    return Answered(tuple(map(_seen, found)), ended)


class Honest:
    """An upstream that answers every request with what it was."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(*_ENDS, ValueError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                line, *fields = head.lower().split(b"\r\n")
                named = dict(field.partition(b":")[::2] for field in fields if field)
                body = await self._body(reader, named)
                said = head.partition(b"\r\n")[0].rpartition(b" ")[0] + b"|" + body
                sent = b"" if line.startswith(b"head ") else said
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), sent))
                await writer.drain()
                if line.endswith(b"1.0") or b"close" in named.get(b"connection", b""):
                    break
        writer.close()

    async def _body(self, reader: asyncio.StreamReader, named: dict[bytes, bytes]) -> bytes:
        if b"transfer-encoding" not in named:
            return await reader.readexactly(int(named.get(b"content-length", b"0")))
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
        return body


class Recording:
    """An upstream that reads strictly, and answers each request with its number.

    What is no whole request is in `wrong`; a connection that ends within one is none of that.
    """

    def __init__(self) -> None:
        self.count = 0
        self.wrong: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        strict = RequestReader()
        with contextlib.suppress(*_ENDS):
            while data := await reader.read(65_536):
                try:
                    found = strict.feed(data)
                except Exception as error:  # noqa: BLE001 - what h11 says of it
                    self.wrong.append(f"{error}: {data!r}")
                    break
                for _ in found:
                    self.count += 1
                    said = b"%d" % self.count
                    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"
                    writer.write(head % (len(said), said))
        writer.close()


class Broken:
    """An upstream that is broken as the number in the path says."""

    def __init__(self, cases: Sequence[upstreams.Case]) -> None:
        self._cases = cases

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection; unless a case ends it, it is left open until the other side does."""
        # Where an answer of its own leads the request is no case.
        with contextlib.suppress(*_ENDS, ValueError):
            ended = False
            while not ended:
                head = await reader.readuntil(b"\r\n\r\n")
                ended = await self._answer(self._cases[int(head.split(b" ")[1][1:])], writer)
        writer.close()

    async def _answer(self, case: upstreams.Case, writer: asyncio.StreamWriter) -> bool:
        """Send what the case has; whether the connection ends with it."""
        for piece in case.sent:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if case.end == "reset":
            # What was sent is to be there before it.
            await asyncio.sleep(0.05)
            linger = struct.pack("ii", 1, 0)
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return bool(case.end)


async def _served(
    upstreams: Mapping[int, Callable[..., Coroutine[Any, Any, None]]],
    asks: Sequence[Coroutine[Any, Any, Any]],
) -> list[Any]:
    """Ask while upstreams serve on their ports."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def turn(ask: Coroutine[Any, Any, Any]) -> Any:
        async with turns:
            return await ask

    async with contextlib.AsyncExitStack() as stack:
        for port, serve in upstreams.items():
            server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=1000)
            await stack.enter_async_context(server)
        return await asyncio.gather(*map(turn, asks))


def clients_answered(
    upstream: int,
    clients: Sequence[tuple[int, Sequence[bytes], tuple[bytes, ...]]],
    behind: Honest | Recording | None = None,
) -> list[Answered]:
    """What each client is answered: its port, what it sends, and its methods.

    An honest upstream is behind, if no other is given.
    """
    asks = [_ask(port, sent, methods) for port, sent, methods in clients]
    serve = (behind or Honest()).serve
    found: list[Answered] = asyncio.run(_served({upstream: serve}, asks))
    return found


def upstreams_answered(
    upstream: int, port: int, cases: Sequence[upstreams.Case], onward: int = 0
) -> list[Answered]:
    """What a client of `port` is answered where the upstream is that of each case.

    On the port `onward` there is an honest one, where that is wanted.
    """
    asks = []
    for number, case in enumerate(cases):
        sent = b"%b /%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % (case.method, number)
        asks.append(_ask(port, (sent,), (case.method,)))
    serving = {upstream: Broken(cases).serve}
    if onward:
        serving[onward] = Honest().serve
    found: list[Answered] = asyncio.run(_served(serving, asks))
    return found
