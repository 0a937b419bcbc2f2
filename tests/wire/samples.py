"""Heads that several tests read."""

BROWSER = (
    b"GET /index.html?a=1&b=2 HTTP/1.1\r\n"
    b"Host: www.example.com\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
    b"*/*;q=0.8\r\n"
    b"Accept-Language: en-US,en;q=0.5\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Connection: keep-alive\r\n"
    b"Referer: https://www.example.com/some/page/that/was/here.html\r\n"
    b"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; visits=12\r\n"
    b"Upgrade-Insecure-Requests: 1\r\n"
    b"Sec-Fetch-Dest: document\r\n"
    b"Sec-Fetch-Mode: navigate\r\n"
    b"Sec-Fetch-Site: same-origin\r\n"
    b"\r\n"
)


def request(*lines: bytes) -> bytes:
    """Return a head of GET / with a Host and the given field lines."""
    return b"\r\n".join([b"GET / HTTP/1.1", b"Host: a", *lines, b"", b""])


def response(*lines: bytes) -> bytes:
    """Return a head of 200 with the given field lines."""
    return b"\r\n".join([b"HTTP/1.1 200 OK", *lines, b"", b""])
