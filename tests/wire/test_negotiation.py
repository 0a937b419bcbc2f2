"""Accept-Encoding is weighed as RFC 9110 §12.5.3 says."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.wire.negotiation import accepts_gzip


class GzipTests(SynchronousTestCase):
    def test_table(self) -> None:
        """Either gzip or `*` allows it by a weight over 0; its own weight counts first."""
        for value, expected in [
            (None, False),
            (b"", False),
            (b"gzip", True),
            (b"GZip", True),
            (b"x-gzip", True),
            (b"gzip, deflate, br, zstd", True),
            (b"deflate , gzip ;q=0.5", True),
            (b"deflate", False),
            (b"gzipped", False),
            (b"identity", False),
            (b"*", True),
            (b"*;q=0", False),
            (b"*;q=0.1", True),
            (b"gzip;q=0", False),
            (b"gzip;q=0.", False),
            (b"gzip;q=0.000", False),
            (b"gzip;q=0.001", True),
            (b"gzip;Q=1.000", True),
            (b"gzip; q=1", True),
            (b"gzip;q=0, *", False),
            (b"*;q=0, gzip", True),
            (b"*, gzip;q=0", False),
            (b"gzip;q=2", False),
            (b"gzip;q=0.0001", False),
            (b"gzip;q=", False),
            (b"gzip;q=-1", False),
            (b"gzip;level=9", False),
            (b"gzip deflate", False),
            (b", gzip,", True),
            (b"deflate, " * 200 + b"gzip", True),
        ]:
            self.assertEqual(accepts_gzip(value), expected, value)
