"""Requests and responses that are nearly right: what two readings of HTTP/1 may differ about."""

from __future__ import annotations

from hypothesis import strategies as st

#: Legal parts, of which a message is made,
_methods = st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"FROB"])
_targets = st.sampled_from([b"/", b"/a?b", b"http://a/b", b'/|^"'])
_versions = st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2"])
_statuses = st.sampled_from([b"200 OK", b"204 No", b"304 ", b"404", b"999 \xff"])
_ends = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n"])
_colons = st.sampled_from([b": ", b":", b":\t "])
_values = st.sampled_from([b"a", b"", b" ", b"a b", b"a\tb ", b"\xff", b"close", b":"])
_lines = st.lists(
    st.tuples(st.sampled_from([b"X", b"x-y", b"Connection"]), _colons, _values, _ends).map(
        b"".join
    ),
    max_size=3,
).map(b"".join)
_framings = st.sampled_from(
    [b"", b"Content-Length: 11\r\n", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n"]
    + [b"Transfer-Encoding: chunked\r\n", b"transfer-encoding:Chunked \n"] * 2
)
chunks = st.lists(
    st.sampled_from(
        [
            b"5\r\nhello\r\n",
            b"1;a=b\r\nx\r\n",
            b'1;a="\\""\r\nx\r\n',
            b"0A\r\n0123456789\r\n",
            b"0\r\n\r\n",
            b"000\r\nA: b\r\n\r\n",
        ]
    ),
    max_size=4,
).map(b"".join)

#: and what is put into it, over up to two of its bytes, to make it nearly legal, or an attack.
_faults = st.one_of(
    st.sampled_from([bytes([code]) for code in b'\r\n\t :;,#05+-_"\\\0\x0b\xff']),
    st.sampled_from([b"\r\n", b"0x", b"\r\n folded", b"gzip, ", b", chunked", b"\r\nHost: b"]),
    st.sampled_from([b"\r\nContent-Length: 3", b"\r\nTransfer-Encoding: chunked"]),
    st.binary(max_size=2),
)


def flawed(raw: bytes) -> st.SearchStrategy[bytes]:
    """Return `raw` with up to two faults."""
    edit = st.tuples(st.integers(0, len(raw)), st.integers(0, 2), _faults)

    def edited(edits: list[tuple[int, int, bytes]]) -> bytes:
        result = raw
        for at, over, fault in edits:
            result = result[:at] + fault + result[at + over :]
        return result

    return st.lists(edit, max_size=2).map(edited)


@st.composite
def near_requests(draw: st.DrawFn) -> bytes:
    """A request that is legal or nearly so, with a body or without."""
    before = draw(st.sampled_from([b"", b"", b"", b"\r\n"]))
    line = b" ".join([draw(_methods), draw(_targets), draw(_versions)]) + draw(_ends)
    head = line + b"Host: a" + draw(_ends) + draw(_lines) + draw(_framings) + draw(_ends)
    return draw(flawed(before + head + draw(st.one_of(chunks, st.just(b"hello world")))))


@st.composite
def near_responses(draw: st.DrawFn) -> bytes:
    """A response that is legal or nearly so, with a body or without."""
    line = draw(_versions) + b" " + draw(_statuses) + draw(_ends)
    head = line + draw(_lines) + draw(_framings) + draw(_ends)
    return draw(flawed(head + draw(st.one_of(chunks, st.just(b"hello world")))))
