"""`stub_status`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from tests.support import Bench, load_text, serve


class StubStatusTests(SynchronousTestCase):
    """Numbers of a bench's connections."""

    def bench(self) -> Bench:
        return serve(
            self,
            "server { listen 80; location /status { stub_status; }"
            " location /slow { proxy_pass http://127.0.0.1:8080; } location / { return 204;"
            " } location /variables { return 200"
            ' "$connections_active $connections_reading $connections_writing $connections_waiting";'
            " } }",
        )

    def test_text(self) -> None:
        """The text is nginx's, to the last blank."""
        answer = self.bench().client().get(b"/status")
        self.assertEqual(
            answer.body,
            b"Active connections: 1 \n"
            b"server accepts handled requests\n"
            b" 1 1 1 \n"
            b"Reading: 0 Writing: 1 Waiting: 0 \n",
        )
        self.assertEqual(answer.get(b"content-type"), b"text/plain")

    def test_numbers(self) -> None:
        """Connections are told apart by what they are at; requests of closed ones stay counted."""
        bench = self.bench()
        gone = bench.client()
        gone.get()
        gone.get()
        gone.close()
        idle = bench.client()
        idle.get()
        bench.client().send(b"GET / HTTP")
        bench.client().ask(b"/slow")
        body = bench.client().get(b"/status").body
        self.assertIn(b"connections: 4 \n", body)
        self.assertIn(b"\n 5 5 5 \n", body)
        self.assertIn(b"Reading: 1 Writing: 2 Waiting: 1 \n", body)
        self.assertEqual(bench.client().get(b"/variables").body, b"5 1 2 2")

    def test_refused_connections(self) -> None:
        """A connection for which there was no room was accepted, and not handled."""
        text = (
            "error_log logs/error.log; events { worker_connections 1; }"
            "http { server { listen 80; location / { stub_status; } } }"
        )
        bench = serve(self, text)
        client = bench.client()
        # A connection that idles would be closed for the next one.
        client.send(b"\r\n")
        self.assertIsNone(bench.try_client())
        self.assertIn(b"\n 2 1 1 \n", client.get().body)

    def test_malformed(self) -> None:
        """A request that can't be read is one, too."""
        bench = self.bench()
        bench.client().send(b"nonsense\r\n\r\n")
        self.assertIn(b"\n 2 2 2 \n", bench.client().get(b"/status").body)

    def test_methods(self) -> None:
        """HEAD has no body; other methods are 405."""
        self.assertEqual(self.bench().client().get(b"/status", method=b"HEAD").status, 200)
        self.assertEqual(self.bench().client().get(b"/status", method=b"POST").status, 405)

    def test_bad_values(self) -> None:
        """It takes one argument at most, and stands in a server or location."""
        for text in ("server { stub_status on off; }", "stub_status;"):
            self.assertRaises(ConfigurationError, load_text, text, self.mktemp())
