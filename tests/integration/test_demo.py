"""The demonstration that `make run` serves."""

from __future__ import annotations

import hashlib

from twisted.trial.unittest import SkipTest

from tests.integration.client import ask
from tests.integration.components import ROOT, UNDER_TEST, IntegrationCase
from tests.integration.servers import Server, directory, free_port, once, start_proxy

PAGES = ROOT / "reverseproxy" / "demo" / "pages"


@once
def demonstration() -> Server:
    """The configuration as it is, on other ports and with its files elsewhere."""
    front, application = free_port(), free_port()
    prefix = directory("demo")
    (prefix / "run").mkdir()
    (prefix / "reverseproxy").symlink_to(ROOT / "reverseproxy")
    text = (ROOT / "etc" / "demo" / "reverseproxy.conf").read_text()
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{front}")
    text = text.replace("127.0.0.1:8081", f"127.0.0.1:{application}")
    (prefix / "reverseproxy.conf").write_text(text)
    return start_proxy(prefix, prefix, front)


class DemonstrationTests(IntegrationCase):
    """What a newcomer tries first."""

    def setUp(self) -> None:
        super().setUp()
        if UNDER_TEST == "nginx":
            raise SkipTest("nginx mounts no Twisted resource")
        self.port = demonstration().port

    def test_files(self) -> None:
        """The page, its style and its picture are the files, with their types."""
        kinds = {"index.html": "text/html", "style.css": "text/css", "harbour.svg": "image/svg+xml"}
        for name, kind in kinds.items():
            target = "/" if name == "index.html" else f"/{name}"
            answer = ask(self.port, target, host="localhost")
            self.assertEqual((answer.status, answer["Content-Type"]), (200, kind), name)
            self.assertEqual(answer.body, (PAGES / name).read_bytes())

    def test_application(self) -> None:
        """The application shows who asked, whatever the client claims."""
        answer = ask(self.port, "/app/", host="localhost", fields=[("X-Real-IP", "192.0.2.99")])
        self.assertEqual(answer.status, 200)
        self.assertIn(b"<code>127.0.0.1</code>", answer.body)
        self.assertNotIn(b"192.0.2.99", answer.body)

    def test_hostile_field(self) -> None:
        """Markup in a field is shown, not obeyed."""
        fields = [("X-Own", "<script>alert(1)</script>")]
        answer = ask(self.port, "/app/", host="localhost", fields=fields)
        self.assertIn(b"&lt;script&gt;", answer.body)
        self.assertNotIn(b"<script", answer.body)

    def test_upload(self) -> None:
        """An upload's size and digest are those of what was sent, spooled to a file or not."""
        for size in (0, 10, 3_000_000):
            body = bytes(size)
            answer = ask(self.port, "/app/upload", host="localhost", method="POST", body=body)
            self.assertIn(hashlib.sha256(body).hexdigest().encode(), answer.body)
            self.assertIn(f"{size:,} bytes".encode(), answer.body)

    def test_nothing_there(self) -> None:
        """What the application doesn't have is its 404."""
        self.assertEqual(ask(self.port, "/app/none", host="localhost").status, 404)
