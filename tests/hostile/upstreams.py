"""Broken upstreams: what each sends in answer to a GET, and what the client must see."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from . import framing, heads

OK = b"HTTP/1.1 200 OK\r\n"
FIVE = OK + b"Content-Length: 5\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CLOSING = OK + b"\r\n"
GOOD = FIVE + b"hello"


@attrs.frozen
class Case:
    """One upstream: it sends `sent`, each piece in a read of its own, and ends as `end` says.

    `end` is "", "close" or "reset". `outcome` is "502", "504" (it stays silent), "cut" (the client
    sees that something is missing) or "whole", where `status` and `body` are what it has.
    `kept` says whether the connection is used again.
    """

    name: str
    sent: tuple[bytes, ...]
    outcome: str = "502"
    end: str = ""
    status: int = 200
    body: bytes = b"hello"
    kept: bool = False
    method: bytes = b"GET"


STATUS_LINES = (
    b"", b" ", b"H", b"HTTP", b"HTTP/1.1", b"HTTP/1.1 ", b"HTTP/1.1 2", b"HTTP/1.1 20",
    b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK", b"HTTP/1.1 0200 OK", b"HTTP/1.1 +200 OK",
    b"HTTP/1.1 -200 OK", b"HTTP/1.1 000 OK", b"HTTP/1.1 099 OK", b"HTTP/1.1 2x0 OK",
    b"HTTP/1.1 2.0 OK", b"HTTP/1.1 0x0 OK", b"HTTP/1.1 OK 200", b"HTTP/1.1 200OK",
    b"HTTP/1.1  200 OK", b"HTTP/1.1\t200 OK", b"HTTP/1.1 200\tOK", b" HTTP/1.1 200 OK",
    b"\tHTTP/1.1 200 OK", b"http/1.1 200 OK", b"HTTPS/1.1 200 OK", b"HTTP 200 OK",
    b"HTTP/1 200 OK", b"HTTP/1. 200 OK", b"HTTP/.1 200 OK", b"HTTP/1.10 200 OK",
    b"HTTP/11 200 OK", b"HTTP/0.9 200 OK", b"HTTP/2 200 OK", b"HTTP/2.0 200 OK",
    b"HTTP/3 200 OK", b"HTTP/-1.1 200 OK", b"HTTP/1,1 200 OK", b"HTTP/1.1 200 O\0K",
    b"HTTP/1.1 200 O\x01K", b"HTTP/1.1 200 O\rK", b"HTTP/1.1 200 OK\r", b"HTTP/1.1 200 O\x7fK",
    b"HTTP/1.1 \xb2\xb0\xb0 OK", b"ICY 200 OK", b"SSH-2.0-OpenSSH_9.2", b"220 mail ESMTP",
    b"<html>", b"GET / HTTP/1.1", b"\x15\x03\x01\0\x02\x02\x28", b"\0\0\x12\x04\0\0\0\0\0",
    b"\r\nHTTP/1.1 200 OK", b"Status: 200 OK", b"{}", b"\xef\xbb\xbfHTTP/1.1 200 OK",
    b"HTTP /1.1 200 OK", b"HTTP/ 1.1 200 OK", b"HTTP/1 .1 200 OK", b"HTTP/1.1200 OK",
    b"HTTP/1.1 2e2 OK", b"HTTP/1.1 200.0 OK", b"HTTP/1.1 200;OK", b"HTTP/1.1 200,OK",
    b"HTTP/1.1 -0 OK", b"HTTP/1.1 \xef\xbc\x92\xef\xbc\x90\xef\xbc\x90 OK", b"H\0TTP/1.1 200 OK",
    b"HTTP/1.1 200\0OK", b"HTTP/1.1 200\x0bOK", b"HTTP/1.1 200\xa0OK", b"HTTP/1.1/1.1 200 OK",
    b"HTTP\\1.1 200 OK", b"HTTP/0x1.1 200 OK", b"HTTP/1.1.1 200 OK", b"HTTP/1.1a 200 OK",
    b"HTTP/1.1 +20 OK", b"HTTP/1.1 1 00 OK", b"HTTP/1.1 4294967496 OK", b"HTTP/1.1 99 OK",
    b"RTSP/1.0 200 OK", b"SIP/2.0 200 OK", b"+OK POP3", b"* OK IMAP4rev1", b"AMQP\0\0\x09\x01",
    b"-ERR unknown command", b"PRI * HTTP/2.0", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
)  # fmt: skip
FIELD_LINES = (
    b"nonsense", b": x", b"A : b", b"A\t: b", b" A: b", b"\tA: b", b"A: b\r\n c", b"A: b\r\n\tc",
    b"A: b\n c", b"A B: c", b"A\0: b", b"A: \0", b"A: b\x01", b"A: b\x7f", b"A: b\rC: d",
    b"A: b\r", b"A\r: b", b"\xe4: b", b"A/B: c", b"A(B): c", b'"A": b', b"HTTP/1.1 200 OK",
    b"Location: /\rX-Injected: y", b"Location: /\0", b"Location: /\r\n x", b"Set-Cookie: a=\0",
    b"Set-Cookie: a=b\rSet-Cookie: c=d", b"X-Accel-Redirect: /in\rX-Injected: y",
    b"X-Accel-Redirect: /in\0", b"X-Accel-Redirect : /in", b"Content-Type: text/html\x0b",
)  # fmt: skip
LENGTHS = (
    b"", b"+5", b"-5", b"-0", b"0x5", b"5x", b"5 5", b"5,5", b"5, 5", b"5, 6", b"5;", b"5.0",
    b"5e0", b"five", b"\xd9\xa5", b"\xb2", b'"5"', b"9223372036854775808", b"18446744073709551616",
    b"18446744073709551621", b"9" * 40, b"00000000000000000005", b"5\0", b"\x0b5", b"5\xa0",
)  # fmt: skip
FRAMINGS = {
    "a length and chunked": (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "chunked and a length": (b"Transfer-Encoding: chunked", b"Content-Length: 5"),
    "two lengths": (b"Content-Length: 5", b"Content-Length: 6"),
    "the same length twice": (b"Content-Length: 5", b"content-length: 5"),
    "chunked twice": (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    "identity and chunked": (b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"),
    **{
        f"coding {value.decode('latin-1')!r}": (b"Transfer-Encoding: " + value,)
        for value in (
            b"", b"identity", b"gzip", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked",
            b"chunked,", b",chunked", b"chunked;q=1", b'"chunked"', b"xchunked", b"chunkedx",
            b"chun ked", b"\x0bchunked", b"chunked\0", b"\xa0chunked", b"chunked\x85", b"cow",
        )
    },
}  # fmt: skip
SIZES = (
    b"\r\n", b" 5\r\n", b"5 \r\n", b"5\t\r\n", b"+5\r\n", b"-5\r\n", b"0x5\r\n", b"5h\r\n",
    b"g\r\n",
    b"5.\r\n", b"5,\r\n", b"5_\r\n", b"5\n", b"5\r5\r\n", b"5\r\r\n", b"5\0\r\n", b"\x005\r\n",
    b"10000000000000000\r\n", b"10000000000000005\r\n", b"ffffffffffffffff\r\n",
    b"8000000000000000\r\n", b"00000000000000005\r\n", b"-1\r\n", b"5;\r\n", b"5;a=\r\n",
    b"5 ;a\r\n",
    b"5; a\r\n", b"5;a\nb\r\n", b'5;a="\r\n', b"5;" + b"a" * 2000 + b"\r\n", b"\xd9\xa5\r\n",
    b"five\r\n", b"HTTP/1.1 200 OK\r\n",
)  # fmt: skip


def _heads() -> Iterator[Case]:
    for line in STATUS_LINES:
        sent = line + b"\r\nContent-Length: 5\r\n\r\nhello"
        yield Case(f"status line {line.decode('latin-1')!a}", (sent,))
    for line in FIELD_LINES:
        sent = OK + line + b"\r\nContent-Length: 5\r\n\r\nhello"
        yield Case(f"field line {line.decode('latin-1')!a}", (sent,))
    for value in LENGTHS:
        sent = OK + b"Content-Length: " + value + b"\r\n\r\nhello"
        yield Case(f"length {value.decode('latin-1')!a}", (sent,))
    for name, lines in FRAMINGS.items():
        sent = OK + b"\r\n".join(lines) + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        yield Case(f"framing: {name}", (sent,))
    old = b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    yield Case("framing: chunked under HTTP/1.0", (old,))
    yield Case("an endless status line", (b"HTTP/1.1 200 " + b"x" * 5000,))
    yield Case("an endless field", (OK + b"X: " + b"y" * 5000,))
    yield Case("endless fields", (OK, *[b"X: y\r\n" * 100] * 10))
    yield Case("a thousand fields", (OK + b"X:y\r\n" * 1001 + b"\r\n",))
    yield Case("endless NULs", (b"\0" * 5000,))
    yield Case("endless line ends", (b"\r\n" * 3000,))
    yield Case("silence", (), "504")
    yield Case("silence in the head", (OK,), "504")
    yield Case("silence in the body", (FIVE + b"hel",), "cut")
    yield Case("silence in a chunk", (CHUNKED + b"5\r\nhel",), "cut")
    yield Case("no head, and an end", (b"hello",), end="close")


#: Where one byte that must not stand there stands, all of it fields that somebody acts on.
PLACES = {
    "the status": b"HTTP/1.1 20%b0 OK\r\n",
    "the reason": b"HTTP/1.1 200 O%bK\r\n",
    "a name": OK + b"X%b-Y: z\r\n",
    "a value": OK + b"X: y%bz\r\n",
    "Location": OK + b"Location: /%bX-Injected: y\r\n",
    "Set-Cookie": OK + b"Set-Cookie: a=b%bSet-Cookie: X\r\n",
    "X-Accel-Redirect": OK + b"X-Accel-Redirect: /in%bX-Injected: y\r\n",
    "X-Accel-Charset": OK + b"X-Accel-Charset: utf-8%bX-Injected: y\r\n",
    "a trailer": CHUNKED + b"5\r\nhello\r\n0\r\nX: y%bz\r\n",
}


def _bytes() -> Iterator[Case]:
    """Every control byte, and a bare CR, in every place."""
    for code in (*heads.CONTROLS, 0x0D):
        for place, shape in PLACES.items():
            sent = shape % bytes((code,))
            in_body = place == "a trailer"
            sent += b"\r\n" if in_body else b"Content-Length: 5\r\n\r\nhello"
            yield Case(f"byte 0x{code:02x} in {place}", (sent,), "cut" if in_body else "502")


def _as_clients() -> Iterator[Case]:
    """Each obfuscation of framing that the table of clients has."""
    body = b"\r\n\r\n" + framing.CHUNKS
    refused = {**framing.MALFORMED, **framing.OTHER}
    for name, line in refused.items():
        yield Case(f"transfer-encoding: {name}", (OK + line + body,))
        for position, lines in {
            "after chunked": (framing.CHUNKED, line),
            "before chunked": (line, framing.CHUNKED),
            "with a length": (framing.LENGTH, line),
        }.items():
            sent = OK + b"\r\n".join(lines) + body
            yield Case(f"transfer-encoding: {name}, {position}", (sent,))
    for name, line in framing.PLAIN.items():
        sent = OK + line + body
        yield Case(f"transfer-encoding: {name}", (sent,), "whole", body=b"abc", kept=True)
        sent = OK + line + b"\r\n" + framing.LENGTH + body
        yield Case(f"transfer-encoding: {name}, with a length", (sent,))
    for name, line in framing.UNRELATED.items():
        sent = OK + line + b"\r\n" + framing.LENGTH + body
        yield Case(
            f"no transfer-encoding: {name}", (sent,), "whole", body=framing.CHUNKS, kept=True
        )
    for name, value in framing.BAD_LENGTHS.items():
        for position, lines in {
            "alone": (b"Content-Length: " + value,),
            "after a good one": (b"Content-Length: 5", b"Content-Length: " + value),
            "before a good one": (b"Content-Length: " + value, b"Content-Length: 5"),
        }.items():
            sent = OK + b"\r\n".join(lines) + b"\r\n\r\nhello"
            yield Case(f"content-length: {name}, {position}", (sent,))
    for name, line in framing.BAD_SIZES.items():
        sent = CHUNKED + b"5\r\nhello\r\n" + line % b"5" + b"hello\r\n0\r\n\r\n"
        yield Case(f"chunk size: {name}", (sent,), "cut")
        sent = CHUNKED + b"5\r\nhello\r\n" + line % b"0" + b"\r\n"
        yield Case(f"last chunk size: {name}", (sent,), "cut")
    for name, line in framing.GOOD_SIZES.items():
        sent = CHUNKED + line % b"5" + b"hello\r\n" + line % b"0" + b"\r\n"
        yield Case(f"chunk size: {name}", (sent,), "whole", kept=True)
    for name, lines in framing.BAD_TRAILERS.items():
        sent = CHUNKED + b"5\r\nhello\r\n0\r\n" + lines
        yield Case(f"trailer: {name}", (sent,), "cut")


def _interim() -> Iterator[Case]:
    for code in (100, 102, 103, 110, 199):
        one = b"HTTP/1.1 %d X\r\n\r\n" % code
        yield Case(f"a flood of {code}", (one * 17 + GOOD,))
        yield Case(f"a flood of {code}, one by one", (one,) * 17)
        yield Case(f"{code} without an end", (one,), end="close")
        yield Case(f"{code} before the answer", (one + GOOD,), "whole", kept=True)
        for name, more in {
            "a body": b"\r\nhello",
            "a length and a body": b"Content-Length: 5\r\n\r\nhello",
            "chunks": b"Transfer-Encoding: chunked\r\n\r\n" + framing.CHUNKS,
            "a NUL": b"X: \0\r\n\r\n",
            "a fold": b"X: y\r\n z\r\n\r\n",
            "an injected Link": b"Link: </a>\rX-Injected: y\r\n\r\n",
        }.items():
            sent = b"HTTP/1.1 %d X\r\n%b" % (code, more) + GOOD
            yield Case(f"{code} with {name}", (sent,))
        endless = b"HTTP/1.1 %d X\r\n" % code + b"X: y\r\n" * 1000
        yield Case(f"{code} with endless fields", (endless,))
    hinted = b"HTTP/1.1 103 E\r\nLink: </a>\r\n\r\n" + GOOD
    at_head = hinted.index(GOOD) + len(FIVE)
    for at in range(1, len(hinted)):
        for end in ("close", "reset"):
            outcome = "502" if at < at_head else "cut"
            yield Case(f"{end} at byte {at}, after a hint", (hinted[:at],), outcome, end)
    yield Case("101 unasked", (b"HTTP/1.1 101 Switching\r\n\r\n",))
    upgraded = b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
    yield Case("101 to websocket unasked", (upgraded,))
    yield Case("101 unasked with bytes", (upgraded + b"\x81\x05hello",))
    yield Case("101 to h2c unasked", (upgraded.replace(b"websocket", b"h2c"),))
    yield Case("101 after 100", (b"HTTP/1.1 100 C\r\n\r\n" + upgraded,))
    yield Case("a broken head after 100", (b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 2 OK\r\n\r\n",))


def _bodies() -> Iterator[Case]:
    for line in SIZES:
        name = f"chunk size {line[:40].decode('latin-1')!a}"
        rest = b"hello\r\n0\r\n\r\n"
        yield Case(name, (CHUNKED + line + rest,), "cut")
        yield Case(f"{name}, second", (CHUNKED + b"1\r\nx\r\n", line + rest), "cut")
    for end in (b"", b"\n", b"\r", b"\n\r", b"x\r\n", b"\r\r\n", b"\0\r\n"):
        sent = CHUNKED + b"5\r\nhello" + end + b"0\r\n\r\n"
        yield Case(f"chunk ends in {end.decode()!a}", (sent,), "cut")
    for line in (b"Content-Length: 5", b"Transfer-Encoding: chunked", b"x", b"A : b", b" A: b",
                 b"A: \0", b"A: b\nC: d", b"A: " + b"b" * 9000):  # fmt: skip
        sent = CHUNKED + b"5\r\nhello\r\n0\r\n" + line + b"\r\n\r\n"
        yield Case(f"trailer {line[:30].decode()!a}", (sent,), "cut")


def _ends() -> Iterator[Case]:
    """The connection ends at every point of an answer."""
    for name, answer in {
        "with a length": GOOD,
        "in chunks": CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
        "in chunks with all": CHUNKED + b"2;a=b\r\nhe\r\n003\r\nllo\r\n000;c\r\nX: y\r\n\r\n",
        "of HTTP/1.0": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + FIVE[17:] + b"hello",
    }.items():
        head = answer.index(b"\r\n\r\n") + 4
        for at in range(len(answer)):
            for end in ("close", "reset"):
                outcome = "502" if at < head else "cut"
                sent = (answer[:at],) if at else ()
                yield Case(f"{end} at byte {at}, {name}", sent, outcome, end)
    for at in range(len(CLOSING)):
        for end in ("close", "reset"):
            yield Case(f"{end} at byte {at}, until the end", (CLOSING[:at],) if at else (), end=end)
    yield Case("reset in a body until the end", (CLOSING + b"hello",), "cut", "reset")
    yield Case("reset before a body until the end", (CLOSING,), "cut", "reset")
    yield Case("a body until the end", (CLOSING + b"hello",), "whole", "close")
    yield Case("an empty body until the end", (CLOSING,), "whole", "close", body=b"")


def _garbage() -> Iterator[Case]:
    chunks = CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"
    for name, answer in {"a length": GOOD, "chunks": chunks}.items():
        for what, more in {
            "a byte": b"x",
            "a line end": b"\r\n",
            "a NUL": b"\0",
            "another answer": OK + b"Content-Length: 6\r\n\r\npoison",
            "an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n",
            "a long tail": b"x" * 70_000,
        }.items():
            yield Case(f"{what} behind {name}", (answer + more,), "whole")
            yield Case(f"{what} behind {name}, later", (answer, more), "whole")
            for end in ("close", "reset"):
                yield Case(f"{what} behind {name}, {end}", (answer + more,), "whole", end)
    for status in (204, 304):
        head = b"HTTP/1.1 %d X\r\n" % status
        for name, more in {
            "a length": b"Content-Length: 5\r\n\r\nhello",
            "chunks": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "a body": b"\r\nhello",
        }.items():
            yield Case(f"{status} with {name}", (head + more,), "whole", status=status, body=b"")
    yield Case("HEAD with a body", (GOOD,), "whole", body=b"", method=b"HEAD")
    yield Case("HEAD with chunks", (chunks,), "whole", body=b"", method=b"HEAD")
    yield Case("a body until the end, and Connection: keep-alive",
               (OK + b"Connection: keep-alive\r\n\r\nhello",), "whole", "close")  # fmt: skip
    yield Case("Connection: close and more",
               (OK + b"Connection: close\r\n" + FIVE[17:] + b"helloworld",), "whole")  # fmt: skip
    yield Case("HTTP/1.0 and more", (b"HTTP/1.0" + GOOD[8:] + b"x",), "whole")
    yield Case("a good answer", (GOOD,), "whole", kept=True)
    yield Case("good chunks", (chunks,), "whole", kept=True)


def cases() -> Iterator[Case]:
    """Every case."""
    yield from _heads()
    yield from _bytes()
    yield from _as_clients()
    yield from _interim()
    yield from _bodies()
    yield from _ends()
    yield from _garbage()
