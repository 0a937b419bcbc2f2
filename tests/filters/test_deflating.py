"""ISA-L in zlib's place: the same streams, no larger where it stands in for a level of zlib's."""

from __future__ import annotations

import random
import zlib

from isal import isal_zlib
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.filters import deflating

from . import test_gzip


def text(size: int = 64 * 1024) -> bytes:
    """A page, as far as a compressor can tell: some words more frequent than others."""
    rng = random.Random(2008)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = [
        "".join(rng.choices(letters, range(26, 0, -1), k=rng.randint(2, 9))) for _ in range(900)
    ]
    out = b""
    while len(out) < size:
        line = " ".join(rng.choices(words, [1 / (at + 1) for at in range(len(words))], k=60))
        out += f'<p class="c{rng.randint(0, 9)}">{line}</p>\n'.encode()
    return out[:size]


class LevelTests(SynchronousTestCase):
    def compressed(self, level: int) -> bytes:
        compressor = deflating.compressors(level)()
        return compressor.compress(text()) + compressor.flush()

    def test_same(self) -> None:
        """What any level makes, zlib reads."""
        for level in range(1, 10):
            self.assertEqual(zlib.decompress(self.compressed(level), 31), text())

    def test_sizes(self) -> None:
        """Where ISA-L stands for a level, it makes no more bytes than zlib, within a hundredth."""
        fast = {level: len(self.compressed(level)) for level in range(1, 10)}
        self.patch(deflating, "isal_zlib", None)
        for level, size in fast.items():
            self.assertLessEqual(size, len(self.compressed(level)) * (1.01 if level == 3 else 1))

    def test_who_compresses(self) -> None:
        """ISA-L does the levels that it can, zlib the others, and all where it is alone."""
        kinds = [type(deflating.compressors(level)()) for level in (1, 2, 3, 4, 9)]
        fast, plain = type(isal_zlib.compressobj()), type(zlib.compressobj())
        self.assertEqual(kinds, [fast, fast, fast, plain, plain])
        self.patch(deflating, "isal_zlib", None)
        self.assertEqual(type(deflating.compressors(1)()), plain)


class ZlibStreamTests(test_gzip.StreamTests):
    """The same of zlib, where ISA-L is there as well."""

    def setUp(self) -> None:
        self.patch(deflating, "isal_zlib", None)
