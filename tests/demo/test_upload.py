"""Reading an upload out of a spooled body."""

from __future__ import annotations

import hashlib
import io

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.demo.upload import Upload, read_upload

FORM = b"multipart/form-data; boundary=----edge"


def form(data: bytes, filename: bytes = b"a.bin", boundary: bytes = b"----edge") -> bytes:
    """A body as a browser makes it of a form with one file."""
    disposition = b'Content-Disposition: form-data; name="file"; filename="' + filename + b'"'
    head = b"--" + boundary + b"\r\n" + disposition + b"\r\nContent-Type: text/plain\r\n\r\n"
    return head + data + b"\r\n--" + boundary + b"--\r\n"


def upload_of(data: bytes, name: str, spooled: int) -> Upload:
    return Upload(name, len(data), hashlib.sha256(data).hexdigest(), spooled)


class ReadUploadTests(SynchronousTestCase):
    """What a body turns out to be."""

    def test_form(self) -> None:
        """The file of a form is found: its name, its size and its digest."""
        body = form(b"some bytes")
        found = read_upload(io.BytesIO(body), FORM)
        self.assertEqual(found, upload_of(b"some bytes", "a.bin", len(body)))

    def test_bare(self) -> None:
        """A body that is no form is the file."""
        found = read_upload(io.BytesIO(b"bare"), b"application/octet-stream")
        self.assertEqual(found, upload_of(b"bare", "", 4))

    def test_broken_form(self) -> None:
        """A body that is not the form it says to be is taken as it is."""
        for body in (b"", b"----", form(b"x", boundary=b"other"), form(b"x")[:-8]):
            found = read_upload(io.BytesIO(body), FORM)
            self.assertEqual(found, upload_of(body, "", len(body)))

    def test_hostile_names(self) -> None:
        """A name that isn't UTF-8 is shown with escapes, and an endless one is no name."""
        found = read_upload(io.BytesIO(form(b"", b"\xff<b>")), FORM)
        self.assertEqual(found.name, "\\xff<b>")
        self.assertEqual(read_upload(io.BytesIO(form(b"", b"n" * 5000)), FORM).name, "")

    @settings(derandomize=True, deadline=None, max_examples=60)
    @given(st.binary(max_size=200))
    def test_any_data(self, data: bytes) -> None:
        """Whatever a file holds, line ends at its edges too, is what is measured."""
        body = form(data)
        found = read_upload(io.BytesIO(body), FORM)
        self.assertEqual(found, upload_of(data, "a.bin", len(body)))
