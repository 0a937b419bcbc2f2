"""The demonstration's answers."""

from __future__ import annotations

import io

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import IResource
from twisted.web.test.requesthelper import DummyRequest

from reverseproxy.demo import application

EVIL = b'<script>alert("1")</script>'


class PageTests(SynchronousTestCase):
    """What the application shows."""

    def page(
        self,
        path: bytes,
        method: bytes = b"GET",
        fields: tuple[tuple[bytes, bytes], ...] = (),
        body: bytes = b"",
    ) -> str:
        request = DummyRequest(path.split(b"/"))
        request.method, request.content = method, io.BytesIO(body)
        request.uri = b"/" + path
        request.client = IPv4Address("TCP", "127.0.0.9", 50000)
        for name, value in fields:
            request.requestHeaders.addRawHeader(name, value)
        resource = application
        while request.postpath and not resource.isLeaf:
            resource = resource.getChildWithDefault(request.postpath.pop(0), request)
        finished = request.notifyFinish()
        resource.render(request)
        self.successResultOf(finished)
        return b"".join(request.written).decode()

    def test_is_a_resource(self) -> None:
        """What `twisted_resource` mounts provides IResource."""
        self.assertTrue(IResource.providedBy(application))

    def test_fields(self) -> None:
        """Every value of every field is shown, and the peer."""
        page = self.page(b"", fields=((b"X-Real-IP", b"192.0.2.7"), (b"A", b"1"), (b"A", b"2")))
        for shown in ("127.0.0.9", "192.0.2.7", "<code>1</code>", "<code>2</code>"):
            self.assertIn(shown, page)

    def test_what_the_proxy_set_comes_first(self) -> None:
        """The fields that the demonstration is about stand on top."""
        page = self.page(b"", fields=((b"Accept", b"*/*"), (b"X-Forwarded-For", b"192.0.2.7")))
        self.assertLess(page.index("192.0.2.7"), page.index("*/*"))

    def test_hostile_field(self) -> None:
        """What a client sends in a field or a file's name can't become markup."""
        disposition = b'form-data; name="file"; filename="<script>"'
        body = b"--e\r\nContent-Disposition: " + disposition + b"\r\n\r\n\r\n--e--\r\n"
        form = ((b"Content-Type", b"multipart/form-data; boundary=e"),)
        pages = (
            self.page(b"", fields=((b"X-Evil", EVIL), (b"X-Bytes", b"\xff\xfe"))),
            self.page(b"upload", b"POST", form, body),
        )
        for page in pages:
            self.assertNotIn("<script", page)
            self.assertIn("&lt;script&gt;", page)
        self.assertIn("\\xff\\xfe", pages[0])

    def test_upload(self) -> None:
        """An upload's size and digest are shown."""
        page = self.page(b"upload", b"PUT", body=b"abc")
        self.assertIn("3 bytes", page)
        self.assertIn("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", page)
