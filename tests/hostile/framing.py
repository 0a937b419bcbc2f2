"""Request smuggling: every obfuscation of a body's framing, in every position.

What leaves two readings is refused; what leaves one goes on as one request, framed anew.
"""

from __future__ import annotations

from collections.abc import Iterator

from .clients import NEXT, NEXT_SENT, PROXY, STREAMING, Case, message, passed, refused

CHUNKED = b"Transfer-Encoding: chunked"
#: A chunked body, which is thirteen bytes to who reads a length.
CHUNKS = b"3\r\nabc\r\n0\r\n\r\n"
LENGTH = b"Content-Length: 13"
ABC = (b"POST", b"/", b"abc")

#: Lines of which none is a transfer coding that is served: the head is malformed, or the value is.
MALFORMED = {
    "a blank before the colon": b"Transfer-Encoding : chunked",
    "a tab before the colon": b"Transfer-Encoding\t: chunked",
    "a line end before the colon": b"Transfer-Encoding\r\n: chunked",
    "a blank before the name": b" Transfer-Encoding: chunked",
    "a tab before the name": b"\tTransfer-Encoding: chunked",
    "a blank in the name": b"Transfer Encoding: chunked",
    "a NUL in the name": b"Transfer-Encoding\0: chunked",
    "an 8-bit name": b"Transfer-Encodin\xc4\xa1: chunked",
    "a folded value": b"Transfer-Encoding:\r\n chunked",
    "a value folded with a tab": b"Transfer-Encoding:\r\n\tchunked",
    "a value folded after a bare LF": b"Transfer-Encoding:\n chunked",
    "a folded list": b"Transfer-Encoding: chunked\r\n , identity",
    "a bare CR before it": b"X: x\rTransfer-Encoding: chunked",
    "two bare CRs before it": b"X: x\r\rTransfer-Encoding: chunked",
    "a NUL before it": b"X: x\0Transfer-Encoding: chunked",
    "a vertical tab": b"Transfer-Encoding:\x0bchunked",
    "a form feed": b"Transfer-Encoding: chunked\x0c",
    "a NUL behind": b"Transfer-Encoding: chunked\0",
    "a CR behind": b"Transfer-Encoding: chunked\r",
    "a CR within": b"Transfer-Encoding: chun\rked",
    "a no-break space": b"Transfer-Encoding: \xa0chunked",
    "a next-line byte": b"Transfer-Encoding: chunked\x85",
    "a byte order mark": b"Transfer-Encoding: \xef\xbb\xbfchunked",
    "an empty value": b"Transfer-Encoding:",
    "a comma before": b"Transfer-Encoding: ,chunked",
    "a comma behind": b"Transfer-Encoding: chunked,",
    "chunked twice": b"Transfer-Encoding: chunked, chunked",
    "chunked not last": b"Transfer-Encoding: chunked, identity",
    "a parameter": b"Transfer-Encoding: chunked;q=1",
    "an empty parameter": b"Transfer-Encoding: chunked;",
    "quotes": b'Transfer-Encoding: "chunked"',
    "blanks and quotes in a list": b"Transfer-Encoding: 'chunked', x y",
    "a blank within": b"Transfer-Encoding: chun ked",
    "two words": b"Transfer-Encoding: identity chunked",
    "no colon": b"Transfer-Encoding chunked",
}
#: Codings that are none that is served, each a token.
OTHER = {
    "identity": b"Transfer-Encoding: identity",
    "gzip": b"Transfer-Encoding: gzip",
    "cow": b"Transfer-Encoding: cow",
    "xchunked": b"Transfer-Encoding: xchunked",
    "a prefix": b"Transfer-Encoding: chunke",
    "a suffix": b"Transfer-Encoding: chunkedx",
    "single quotes": b"Transfer-Encoding: 'chunked'",
}
#: Chunked, however it is written.
PLAIN = {
    "as it should": CHUNKED,
    "upper case": b"TRANSFER-ENCODING: CHUNKED",
    "mixed case": b"transfer-Encoding: chunKed",
    "no blank": b"Transfer-Encoding:chunked",
    "a tab": b"Transfer-Encoding:\tchunked",
    "blanks around": b"Transfer-Encoding:  \t chunked \t ",
    "a bare LF before it": b"X: x\nTransfer-Encoding: chunked",
}
#: Fields that only look like it; those with an underscore or another odd byte are dropped.
UNRELATED = {
    "an underscore": b"Transfer_Encoding: chunked",
    "another field": b"X-Transfer-Encoding: chunked",
    "Content-Encoding": b"Content-Encoding: chunked",
    "Trailer": b"Trailer: Transfer-Encoding",
    "Connection": b"Connection: Transfer-Encoding",
    "TE": b"TE: chunked",
    "a dot": b"Transfer.Encoding: chunked",
    "in a value": b"X: Transfer-Encoding: chunked",
}

GOOD_LENGTHS = {"a zero before": b"03", "many zeros": b"0003", "blanks": b"  3  ", "a tab": b"\t3"}
BAD_LENGTHS = {
    "a plus": b"+3",
    "a minus": b"-3",
    "minus zero": b"-0",
    "hex": b"0x3",
    "hex digits": b"a",
    "a list": b"3, 3",
    "a list without a blank": b"3,3",
    "a list of two": b"3, 13",
    "two numbers": b"3 3",
    "empty": b"",
    "a comma": b"3,",
    "a fraction": b"3.0",
    "an exponent": b"3e0",
    "a semicolon": b"3;x",
    "an underscore": b"1_0",
    "quotes": b'"3"',
    "arabic digits": "٣".encode(),
    "wide digits": "\uff13".encode(),
    "a superscript": b"\xb3",
    "over 63 bits": b"9223372036854775808",
    "2**64 + 3": b"18446744073709551619",
    "2**32 + 3 and zeros": b"00000000000000004294967299",
    "thirty digits": b"9" * 30,
    "a NUL": b"3\0",
    "a vertical tab": b"\x0b3",
    "a CR": b"3\r",
    "a line end": b"3\r\n 3",
    "a no-break space": b"3\xa0",
    "a word": b"three",
}

#: Size lines; the digit is put in.
BAD_SIZES = {
    "a blank behind": b"%b \r\n",
    "a blank before": b" %b\r\n",
    "a tab behind": b"%b\t\r\n",
    "a plus": b"+%b\r\n",
    "a minus": b"-%b\r\n",
    "hex": b"0x%b\r\n",
    "a suffix": b"%bh\r\n",
    "an underscore": b"%b_0\r\n",
    "a dot": b"%b.\r\n",
    "a bare LF": b"%b\n",
    "a bare CR": b"%b\r",
    "two CRs": b"%b\r\r\n",
    "a line end before": b"\r\n%b\r\n",
    "a NUL": b"%b\0\r\n",
    "a NUL before": b"\0%b\r\n",
    "seventeen digits": b"0000000000000000%b\r\n",
    "63 bits and one": b"800000000000000%b\r\n",
    "64 bits": b"fffffffffffffff%b\r\n",
    "2**64": b"1000000000000000%b\r\n",
    "no digit": b"g%b\r\n",
    "an empty extension": b"%b;\r\n",
    "an extension without a value": b"%b;a=\r\n",
    "a blank before an extension": b"%b ;a\r\n",
    "a blank in an extension": b"%b; a=b\r\n",
    "a control byte in an extension": b"%b;a=\x01\r\n",
    "a bare LF in an extension": b"%b;a\nb\r\n",
    "a bare CR in an extension": b"%b;a\rb\r\n",
    "an open quote in an extension": b'%b;a="b\r\n',
    "a long extension": b"%b;" + b"a" * 2000 + b"\r\n",
    "wide digits": "%b\uff13\r\n".encode(),
}
GOOD_SIZES = {
    "a zero before": b"0%b\r\n",
    "sixteen digits": b"000000000000000%b\r\n",
    "an extension": b"%b;a\r\n",
    "an extension with a value": b"%b;a=b;c\r\n",
    "a quoted extension": b'%b;a="\\"x; y"\r\n',
}
BAD_ENDS = {
    "no line end": b"",
    "a bare LF": b"\n",
    "a bare CR": b"\r",
    "a byte too many": b"d\r\n",
    "CR CR LF": b"\r\r\n",
    "LF CR": b"\n\r",
    "a NUL": b"\0\r\n",
}
BAD_TRAILERS = {
    "Content-Length": b"Content-Length: 3\r\n\r\n",
    "Transfer-Encoding": b"Transfer-Encoding: chunked\r\n\r\n",
    "Host": b"Host: b\r\n\r\n",
    "a lower-case host": b"host: b\r\n\r\n",
    "behind a good one": b"A: b\r\nContent-Length: 3\r\n\r\n",
    "no colon": b"GET /admin HTTP/1.1\r\n\r\n",
    "a blank before the colon": b"A : b\r\n\r\n",
    "a fold": b"A: b\r\n c\r\n\r\n",
    "a NUL": b"A: \0\r\n\r\n",
    "a bare LF": b"A: b\nC: d\r\n\r\n",
    "a bare CR": b"A: b\rC: d\r\n\r\n",
    "over its limit": b"A: " + b"b" * 8200 + b"\r\n\r\n",
}


def _te(kind: str, name: str, line: bytes) -> Iterator[Case]:
    """One obfuscation in every position."""
    label = f"transfer-encoding: {kind}, {name}: "
    positions = {
        "alone": (line,),
        "after a length": (LENGTH, line),
        "before a length": (line, LENGTH),
        "after chunked": (CHUNKED, line),
        "before chunked": (line, CHUNKED),
    }
    for position, lines in positions.items():
        sent = message(*lines, body=CHUNKS) + NEXT_SENT
        where = label + position
        if kind == "unrelated" and position == "alone":
            # There is no body, and what stands in its place is no head.
            yield Case(where, (sent,), (200, 400), ((b"POST", b"/", b""),))
        elif kind == "unrelated":
            body = CHUNKS if LENGTH in lines else b"abc"
            yield passed(where, sent, (b"POST", b"/", body), NEXT)
        elif kind == "plain" and position == "alone":
            yield passed(where, sent, ABC, NEXT)
        else:
            other = kind == "other" and position == "before chunked"
            yield refused(where, sent, status=501 if other else 400)
    sent = message(line, body=CHUNKS, version=b"1.0") + NEXT_SENT
    if kind == "unrelated":
        yield passed(label + "HTTP/1.0", sent, (b"POST", b"/", b""), closed=True)
    else:
        yield refused(label + "HTTP/1.0", sent)


def _lengths() -> Iterator[Case]:
    for name, value in {**GOOD_LENGTHS, **BAD_LENGTHS}.items():
        line = b"Content-Length: " + value
        for position, lines in {
            "alone": (line,),
            "after a good one": (b"Content-Length: 3", line),
            "before a good one": (line, b"Content-Length: 3"),
            "with chunked": (line, CHUNKED),
        }.items():
            sent = message(*lines, body=b"abc") + NEXT_SENT
            where = f"content-length: {name}: {position}"
            if name in GOOD_LENGTHS and position == "alone":
                yield passed(where, sent, ABC, NEXT)
            else:
                yield refused(where, sent)


def _chunks() -> Iterator[Case]:
    for how, server in {"spooled": PROXY, "streamed": STREAMING}.items():
        for name, line in BAD_SIZES.items():
            three, zero = line % b"3", line % b"0"
            for position, body in {
                "first": three + b"abc\r\n0\r\n\r\n",
                "second": b"1\r\nx\r\n" + three + b"abc\r\n0\r\n\r\n",
                "last": b"3\r\nabc\r\n" + zero + b"\r\n",
            }.items():
                sent = message(CHUNKED, body=body) + NEXT_SENT
                yield refused(f"chunk size: {name}: {position}, {how}", sent, server=server)
        for name, line in GOOD_SIZES.items():
            sent = message(CHUNKED, body=line % b"3" + b"abc\r\n0\r\n\r\n") + NEXT_SENT
            yield passed(f"chunk size: {name}: {how}", sent, ABC, NEXT, server=server)
        for name, end in BAD_ENDS.items():
            sent = message(CHUNKED, body=b"3\r\nabc" + end + b"0\r\n\r\n") + NEXT_SENT
            yield refused(f"end of a chunk: {name}: {how}", sent, server=server)
        for name, trailer in BAD_TRAILERS.items():
            sent = message(CHUNKED, body=b"3\r\nabc\r\n0\r\n" + trailer) + NEXT_SENT
            yield refused(f"trailer: {name}: {how}", sent, server=server)
        sent = message(CHUNKED, body=b"3\r\nabc\r\n0\r\nX-Real-IP: 6.6.6.6\r\n\r\n") + NEXT_SENT
        yield passed(f"trailer: a field of the proxy's: {how}", sent, ABC, NEXT, server=server)


def _combinations() -> Iterator[Case]:
    smuggled = b"GET /admin HTTP/1.1\r\nX: x"
    for method in (b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"PUT"):
        sent = message(b"Content-Length: %d" % len(smuggled), body=smuggled, method=method)
        yield Case(
            f"a body is no request: {method.decode()}",
            (sent + NEXT_SENT,),
            (200, 200),
            ((method, b"/", smuggled), NEXT),
            closed=False,
            methods=(method,),
        )
    yield refused("CL.TE", message(b"Content-Length: 6", CHUNKED, body=b"0\r\n\r\nG") + NEXT_SENT)
    yield refused("TE.CL", message(CHUNKED, b"Content-Length: 4", body=b"5c\r\nGPOST") + NEXT_SENT)
    yield passed("CL.0", message(b"Content-Length: 0") + NEXT_SENT, (b"POST", b"/", b""), NEXT)
    sent = message(CHUNKED, body=b"0\r\n\r\n") + NEXT_SENT
    yield passed("TE.0", sent, (b"POST", b"/", b""), NEXT)
    answered = "location / { return 200 x; }"
    sent = message(LENGTH, body=CHUNKS) + NEXT_SENT
    yield Case("a body for nobody", (sent,), (200, 200), closed=False, server=answered)
    sent = message(CHUNKED, body=b"x\r\n") + NEXT_SENT
    yield Case("a broken body for nobody", (sent,), (200,), server=answered)
    sent = message(b"Expect: 100-continue", LENGTH) + NEXT_SENT
    yield Case("a body that is not asked for", (sent,), (200,), server=answered)
    yield refused("two Expects", message(b"Expect: 100-continue", b"Expect: 100-continue"))


def cases() -> Iterator[Case]:
    """Every case of this table."""
    kinds = {"malformed": MALFORMED, "other": OTHER, "plain": PLAIN, "unrelated": UNRELATED}
    for kind, lines in kinds.items():
        for name, line in lines.items():
            yield from _te(kind, name, line)
    yield from _lengths()
    yield from _chunks()
    yield from _combinations()
