"""Heads that repeat the fields of the one before are read as if there had been none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.errors import ClientError, UpstreamProtocolError
from reverseproxy.wire.framing import keeps_alive, request_framing, response_framing
from reverseproxy.wire.heads import (
    MADE,
    RequestHead,
    ResponseHead,
    head_end,
    parse_request_head,
    parse_response_head,
)

from .nearly import flawed, near_requests, near_responses
from .samples import BROWSER, request, response

BOUNDED = settings(derandomize=True, deadline=None, max_examples=300)
#: First lines that may stand in front of the fields of another head.
_LINES = (
    b"GET / HTTP/1.1\r\n",
    b"\r\nPOST /b HTTP/1.1\r\n",
    b"HEAD /c HTTP/1.0\n",
    b"\n",
    b"",
    b"G",
    b"GET / HTTP/2.0\r\n",
)
_STATUS_LINES = (b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 304 \n", b"HTTP/1.1 404\r\n", b"", b"HTTP/1.1")


def told(parse: Callable[..., Any], framing: Callable[[Any], int], raw: bytes, before: Any) -> Any:
    """All that is read from the head that `raw` begins with, or what is wrong with it, or None."""
    ends = [head_end(raw[:size], 0, before) for size in range(len(raw) + 1)]
    end = ends[-1]
    if end < 0:
        return ends
    try:
        head = parse(raw[:end], before=before)
        decided = framing(head), keeps_alive(head)
    except (ClientError, UpstreamProtocolError) as error:
        return ends, repr(error), error.offset
    own = {name: getattr(head, name) for name in type(head).__slots__}
    return ends, own, head.version, head.line, head.fields, head.named, head.repeated, decided


def of_response(head: ResponseHead) -> int:
    """The framing of an answer to GET."""
    return response_framing(b"GET", head)


@st.composite
def followed(
    draw: st.DrawFn, heads: st.SearchStrategy[bytes], lines: tuple[bytes, ...]
) -> tuple[bytes, bytes]:
    """A message, and one after it whose fields are the same, or nearly."""
    first = draw(heads)
    rest = first[first.find(b"\n") + 1 :]
    second = draw(st.sampled_from(lines)) + draw(st.one_of(st.just(rest), flawed(rest)))
    return first, second


class AgreementTests(SynchronousTestCase):
    def agree(
        self, parse: Callable[..., Any], framing: Callable[[Any], int], first: bytes, second: bytes
    ) -> None:
        """Read the second with the first before it, and without."""
        try:
            before = parse(first[: head_end(first)])
        except (ClientError, UpstreamProtocolError):
            return
        self.assertEqual(told(parse, framing, second, before), told(parse, framing, second, None))

    @given(followed(near_requests(), _LINES))
    @BOUNDED
    def test_requests(self, pair: tuple[bytes, bytes]) -> None:
        """A request is read, or refused, as it would be at the beginning of a connection."""
        self.agree(parse_request_head, request_framing, *pair)

    @given(followed(near_responses(), _STATUS_LINES))
    @BOUNDED
    def test_responses(self, pair: tuple[bytes, bytes]) -> None:
        """And so is an answer."""
        self.agree(parse_response_head, of_response, *pair)

    def test_reached(self) -> None:
        """The examples are worth their time: many take over what was read before."""
        taken: list[bool] = []

        @given(followed(near_requests(), _LINES))
        @BOUNDED
        def collect(pair: tuple[bytes, bytes]) -> None:
            first, second = pair
            try:
                before = parse_request_head(first[: head_end(first)])
                after = parse_request_head(second[: head_end(second, 0, before)], before=before)
            except ClientError:
                return
            taken.append(after.named is before.named)

        collect()
        self.assertGreater(sum(taken), 20)
        self.assertLess(sum(taken), len(taken))


class SharingTests(SynchronousTestCase):
    def pair(self, first: bytes, second: bytes) -> tuple[RequestHead, RequestHead]:
        """Two heads, one after the other."""
        before = parse_request_head(first)
        before.made["key"] = "made of it"
        return before, parse_request_head(second, before=before)

    def test_shared(self) -> None:
        """Another target with the same fields: what was made of them is there."""
        _, head = self.pair(BROWSER, BROWSER.replace(b"/index.html?a=1&b=2", b"/other"))
        self.assertEqual((head.target, head.made), (b"/other", {"key": "made of it"}))

    def test_changed(self) -> None:
        """A field more, less or different by one byte, or another version: nothing is."""
        for old, new in (
            (b"Sec-Fetch-Mode: navigate\r\n", b""),
            (b"Sec-Fetch-Mode: navigate\r\n", b"Sec-Fetch-Mode: navigatE\r\n"),
            (b"Host: ", b"host: "),
            (b"\r\n\r\n", b"\r\nX: y\r\n\r\n"),
            (b"\r\n\r\n", b"\r\n\n"),
            (b"HTTP/1.1", b"HTTP/1.0"),
        ):
            self.assertIn(old, BROWSER)
            before, head = self.pair(BROWSER, BROWSER.replace(old, new))
            self.assertEqual(head.made, {}, new)
            self.assertIsNot(head.named, before.named)

    def test_bounded(self) -> None:
        """What is made for the same fields over and over does not grow without end."""
        head = parse_request_head(BROWSER)
        for number in range(1000):
            raw = BROWSER.replace(b"/index.html", b"/%d" % number)
            head = parse_request_head(raw, before=head)
            head.made[number] = "made"
            self.assertLessEqual(len(head.made), MADE + 1)
            self.assertIn(number, head.made)

    def test_same(self) -> None:
        """What is the same to the last byte is the same head, until that is changed."""
        before, head = self.pair(BROWSER, BROWSER)
        self.assertIs(head, before)
        head.part()
        self.assertIsNot(parse_request_head(BROWSER, before=head), head)
        answer = parse_response_head(response(b"A: b"))
        self.assertIs(parse_response_head(response(b"A: b"), before=answer), answer)

    def test_parted(self) -> None:
        """A head that is changed changes no other, neither the one before nor the next."""
        before, head = self.pair(BROWSER, BROWSER.replace(b"GET", b"POST"))
        head.part()
        head.named[b"host"] = b"elsewhere"
        head.fields.clear()
        following = parse_request_head(BROWSER, before=head)
        self.assertEqual(before.named, following.named)
        self.assertEqual(before.fields, following.fields)
        self.assertEqual((head.made, following.made), ({}, {}))

    def test_noHost(self) -> None:
        """A head without Host may be followed by none of HTTP/1.1."""
        old = b"GET / HTTP/1.0\r\nA: b\r\n\r\n"
        error = self.assertRaises(ClientError, self.pair, old, old.replace(b"1.0", b"1.1"))
        self.assertEqual((error.cause, error.offset), ("RP-400-host", 16))

    def test_pipelined(self) -> None:
        """The head ends where it ends, whatever follows."""
        before = parse_request_head(request(b"A: b"))
        for more in (b"", b"x", b"\r\n\r\n", request()):
            raw = b"GET /longer HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n"
            self.assertEqual(head_end(raw + more, 0, before), len(raw))

    def test_statuses(self) -> None:
        """The same fields under another status, as of 304 after 200, are framed by that."""
        before = parse_response_head(response(b"Content-Length: 5"))
        self.assertEqual(of_response(before), 5)
        raw = response(b"Content-Length: 5").replace(b"200 OK", b"304 Not Modified")
        head = parse_response_head(raw, before=before)
        self.assertIs(head.made, before.made)
        self.assertEqual((head.status, head.reason), (304, b"Not Modified"))
        self.assertEqual((of_response(head), response_framing(b"HEAD", before)), (0, 0))
