"""Two independent parsers agree with ours on messages that are nearly right: see `peers`."""

from __future__ import annotations

from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.wire.chunked import ChunkedDecoder, ChunkError
from reverseproxy.wire.fieldlines import patient_fields, quick_fields
from reverseproxy.wire.heads import head_end

from .nearly import chunks, flawed, near_requests, near_responses
from .peers import agree_on_request, agree_on_response, ours

BOUNDED = settings(derandomize=True, deadline=None, max_examples=400)


class RequestAgreementTests(SynchronousTestCase):
    @given(near_requests())
    @BOUNDED
    def test_both(self, raw: bytes) -> None:
        """What we accept of a request, h11 and llhttp accept, with the same fields and body."""
        agree_on_request(raw)

    def test_reached(self) -> None:
        """The examples are worth their time: a good part of them is accepted by us."""
        accepted: list[bool] = []

        @given(near_requests())
        @BOUNDED
        def collect(raw: bytes) -> None:
            accepted.append(ours(raw) is not None)

        collect()
        self.assertGreater(sum(accepted), len(accepted) // 5)
        self.assertLess(sum(accepted), len(accepted))


class ResponseAgreementTests(SynchronousTestCase):
    @given(near_responses())
    @BOUNDED
    def test_both(self, raw: bytes) -> None:
        """What we accept of a response, h11 and llhttp accept, and read the same."""
        agree_on_response(raw)


class OurselvesTests(SynchronousTestCase):
    @given(near_requests())
    @BOUNDED
    def test_readers(self, raw: bytes) -> None:
        """What the quick reader takes, the patient one reads the same."""
        end = head_end(raw)
        start = raw.find(b"\n") + 1
        if end <= start:
            return
        fields = quick_fields(raw[:end], start)
        if fields is not None:
            self.assertEqual(fields, patient_fields(raw[:end], start, 1000))

    @given(chunks.flatmap(flawed))
    @BOUNDED
    def test_cuts(self, raw: bytes) -> None:
        """A chunked body fed whole and byte by byte gives the same, a refusal included."""
        results = []
        for step in (1, len(raw) or 1):
            decoder = ChunkedDecoder()
            body = b""
            try:
                for at in range(0, len(raw), step):
                    body += b"".join(decoder.feed(raw[at : at + step]))
            except ChunkError:
                results.append(None)
            else:
                results.append((body, decoder.done, decoder.unused, decoder.trailers))
        self.assertEqual(results[0], results[1])
