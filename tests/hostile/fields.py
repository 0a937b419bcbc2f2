"""Hop-by-hop tricks and forged fields: what the proxy sends of its own is always its own."""

from __future__ import annotations

from collections.abc import Iterator

from .clients import PARAMS, Case, message

GET = (b"GET", b"/", b"")
CLIENT = b"192.0.2.7"
#: What the proxy sets, and what it is for this client.
OWN = {
    b"Host": b"a",
    b"X-Real-IP": CLIENT,
    b"X-Forwarded-For": CLIENT,
    b"X-Forwarded-Proto": b"http",
}
#: What can't be named away though the client sends it: the message is not the same without it.
END_TO_END = {
    b"Cookie": b"a=b",
    b"Authorization": b"Basic YTpi",
    b"Accept": b"*/*",
    b"Cache-Control": b"no-cache",
    b"Content-Type": b"text/plain",
    b"Origin": b"http://a",
    b"Range": b"bytes=0-1",
    b"Referer": b"http://a/",
    b"User-Agent": b"x",
    b"Forwarded": b"for=1.2.3.4",
    b"X-Request-ID": b"1",
    b"X-Forwarded-Host": b"a",
    b"X-Forwarded-Port": b"80",
}
#: How Connection may name a field.
NAMINGS = {
    "alone": (b"Connection: %b",),
    "with close": (b"Connection: close, %b",),
    "before close": (b"Connection: %b, close",),
    "with keep-alive": (b"Connection: keep-alive, %b",),
    "in a second field": (b"Connection: keep-alive", b"Connection: %b"),
    "in the first of two": (b"Connection: %b", b"Connection: keep-alive"),
    "behind empty members": (b"Connection: ,, ,%b",),
    "with tabs": (b"Connection: keep-alive,\t%b\t",),
    "without a blank": (b"Connection:keep-alive,%b",),
    "in Proxy-Connection": (b"Proxy-Connection: %b",),
    "twice": (b"Connection: %b, %b",),
}
#: Fields with which a client says who it is, as this proxy's upstreams would read them.
FORGED = {
    "X-Real-IP": (b"X-Real-IP: 6.6.6.6",),
    "X-Real-IP in another case": (b"x-REAL-ip: 6.6.6.6",),
    "X-Real-IP twice": (b"X-Real-IP: 6.6.6.6", b"x-real-ip: 7.7.7.7"),
    "X-Real-IP, empty": (b"X-Real-IP:",),
    "X_Real_IP": (b"X_Real_IP: 6.6.6.6",),
    "X-Real_IP": (b"X-Real_IP: 6.6.6.6",),
    "X.Real.IP": (b"X.Real.IP: 6.6.6.6",),
    "X_Forwarded_For": (b"X_Forwarded_For: 6.6.6.6",),
    "X-Forwarded_For": (b"X-Forwarded_For: 6.6.6.6",),
    "X_Forwarded_Proto": (b"X_Forwarded_Proto: https",),
    "X-Forwarded-Proto": (b"X-Forwarded-Proto: https",),
    "X-Forwarded-Proto twice": (b"X-Forwarded-Proto: https", b"X-FORWARDED-PROTO: https"),
    "all at once": (b"X-Real-IP: 6.6.6.6", b"X-Forwarded-Proto: https", b"X_Real_IP: 6.6.6.6"),
    "Content_Length": (b"Content_Length: 6",),
}
#: What came before the client's own address, and what is sent on.
CHAINS = {
    "one": ((b"X-Forwarded-For: 6.6.6.6",), b"6.6.6.6, " + CLIENT),
    "a list": ((b"X-Forwarded-For: 6.6.6.6, 7.7.7.7",), b"6.6.6.6, 7.7.7.7, " + CLIENT),
    "two fields": (
        (b"X-Forwarded-For: 6.6.6.6", b"x-forwarded-for: 7.7.7.7"),
        b"6.6.6.6, 7.7.7.7, " + CLIENT,
    ),
    "an empty one": ((b"X-Forwarded-For:",), CLIENT),
    "nonsense": ((b"X-Forwarded-For: <script>",), b"<script>, " + CLIENT),
    "a comma at the end": ((b"X-Forwarded-For: 6.6.6.6,",), b"6.6.6.6,, " + CLIENT),
    "8-bit": ((b"X-Forwarded-For: \xff",), b"\xff, " + CLIENT),
}
REAL_IP = (
    "set_real_ip_from 10.0.0.0/8; real_ip_header %s;"
    "location / { proxy_pass http://127.0.0.1:8080; " + PARAMS + " }"
)


def _get(name: str, *lines: bytes, fields: dict[bytes, bytes | None], **more: object) -> Case:
    """A GET that goes on with these fields, each once; None is for those that must not."""
    wanted = tuple(
        (key.lower(), () if value is None else (value,)) for key, value in fields.items()
    )
    closed = b"close" in b"".join(line for line in lines if line.startswith(b"Connection"))
    sent = (message(*lines, method=b"GET"),)
    return Case(name, sent, (200,), (GET,), closed, fields=wanted, **more)  # type: ignore[arg-type]


def _named_away() -> Iterator[Case]:
    for naming, shapes in NAMINGS.items():
        for field in OWN:
            lines = [shape.replace(b"%b", field) for shape in shapes]
            yield _get(f"named away: {field.decode()}, {naming}", *lines, fields=dict(OWN))
        for field, value in END_TO_END.items():
            lines = [shape.replace(b"%b", field) for shape in shapes]
            yield _get(
                f"named away: {field.decode()}, {naming}",
                b"%b: %b" % (field, value),
                *lines,
                fields={field: value},
            )
        lines = [shape.replace(b"%b", b"X-Mine") for shape in shapes]
        kept = None if b"Proxy" not in shapes[0] else b"1"
        name = f"named away: a field of the client's own, {naming}"
        yield _get(name, b"X-Mine: 1", *lines, fields={b"X-Mine": kept})
    everything = b", ".join([*OWN, *END_TO_END])
    name = "named away: everything"
    yield _get(
        name, b"Connection: close, " + everything, b"Cookie: a=b", fields={**OWN, b"Cookie": b"a=b"}
    )
    for field in (b"TE: trailers", b"Trailer: X", b"Upgrade: h2c", b"Keep-Alive: 5"):
        name = field.partition(b":")[0]
        yield _get(f"hop by hop: {name.decode()}", field, fields={name: None, b"Connection": None})
    settings = (b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
    for naming in (b"Upgrade, HTTP2-Settings", b"upgrade", b"HTTP2-Settings"):
        yield _get(
            f"h2c: Connection: {naming.decode()}",
            b"Connection: " + naming,
            *settings,
            fields={b"Upgrade": None, b"Connection": None},
        )


def _forged() -> Iterator[Case]:
    for name, lines in FORGED.items():
        absent = {b"X_Real_IP": None, b"X-Real_IP": None, b"X.Real.IP": None}
        absent |= {b"X_Forwarded_For": None, b"X-Forwarded_For": None, b"X_Forwarded_Proto": None}
        absent |= {b"Content_Length": None}
        yield _get(f"forged: {name}", *lines, fields={**OWN, **absent})
        named = lines[0].partition(b":")[0]
        yield _get(
            f"forged and named away: {name}",
            *lines,
            b"Connection: " + named,
            fields={**OWN, **absent},
        )
    for name, (lines, sent_on) in CHAINS.items():
        yield _get(f"forwarded for: {name}", *lines, fields={**OWN, b"X-Forwarded-For": sent_on})
        yield _get(
            f"forwarded for: {name}, named away",
            *lines,
            b"Connection: X-Forwarded-For",
            fields={**OWN, b"X-Forwarded-For": sent_on},
        )
    for header in ("X-Real-IP", "X-Forwarded-For", "X-Client"):
        for value in (
            b"6.6.6.6",
            b"10.0.0.1",
            b"127.0.0.1",
            b"unix:",
            b"::1",
            b"6.6.6.6, 10.0.0.1",
        ):
            yield _get(
                f"forged for real_ip_header {header}: {value.decode()}",
                header.encode() + b": " + value,
                fields={b"X-Real-IP": CLIENT},
                server=REAL_IP % header,
            )


def cases() -> Iterator[Case]:
    """Every case of this table."""
    yield from _named_away()
    yield from _forged()
