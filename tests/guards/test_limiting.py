"""What `limit_req` and `limit_conn` share."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ..support import serve


class KeyTests(SynchronousTestCase):
    """How long a key may be."""

    def test_longest(self) -> None:
        """A key that is longer than nginx's limit is told of and not counted."""
        zones = "limit_req_zone $arg_k zone=r:1m rate=1r/m; limit_conn_zone $arg_k zone=c:1m;"
        for rule, longest in (("limit_req zone=r", 65535), ("limit_conn c 1", 255)):
            bench = serve(
                self,
                f"large_client_header_buffers 4 80k; {zones} server {{ listen 80; "
                f"location / {{ {rule}; root .; index none; }} }}",
            )
            client = bench.client()
            for size, told in ((longest, 0), (longest + 1, 1)):
                client.get(b"/?k=" + b"x" * size)
                lines = [line for line in bench.errors() if "not counted" in line]
                self.assertEqual(len(lines), told, rule)
            self.assertIn(f"is over {longest} bytes", lines[0])
