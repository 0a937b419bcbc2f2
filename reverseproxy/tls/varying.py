"""Certificates whose files are named by variables: loaded in the handshake that needs them.

The workers read these files, as `user`, and anew for each handshake unless `ssl_certificate_cache`
keeps what was made of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs
from OpenSSL import SSL

from reverseproxy.web.request import Request

from . import library
from .settings import CertificateCache, PEMFile, Trouble

if TYPE_CHECKING:
    from reverseproxy.config import Paths
    from reverseproxy.web.channel import HTTPChannel

Rendered = Callable[[Request], bytes]
#: Makes a context of pairs, each with the words that name them. Raises Trouble.
Make = Callable[[list[tuple[bytes, bytes, PEMFile, PEMFile]]], SSL.Context]
_DATA = b"data:"


@attrs.define(eq=False)
class _Kept:
    context: SSL.Context
    #: what the files held, when that was last looked at, and when it was last used
    contents: tuple[bytes, ...]
    looked: float
    used: float

    def is_good(self, cache: CertificateCache, now: float) -> bool:
        """Whether it may be used as it is."""
        return now - self.looked < cache.valid and now - self.used < cache.inactive


class VaryingContexts:
    """The contexts of one server, by the names of the files."""

    def __init__(
        self,
        pairs: list[tuple[Rendered, Rendered, PEMFile, PEMFile]],
        cache: CertificateCache | None,
        make: Make,
        read: Callable[[str], bytes],
    ) -> None:
        self._pairs = pairs
        self._cache = cache
        self._make = make
        self._read = read
        self._kept: OrderedDict[tuple[bytes, ...], _Kept] = OrderedDict()

    def context(self, channel: HTTPChannel) -> SSL.Context:
        """The context for a connection. Raises HandshakeRefused, which says why."""
        request = Request.malformed(channel, b"")
        names = tuple(
            render(request) for certificate, key, *_ in self._pairs for render in (certificate, key)
        )
        cache, now = self._cache, channel.site.seconds()
        kept = None if cache is None else self._kept.get(names)
        if kept is not None and cache is not None and kept.is_good(cache, now):
            kept.used = now
            self._kept.move_to_end(names)
            return kept.context
        paths = self._pairs[0][2].paths
        contents = tuple(self._contents(name, paths) for name in names)
        if kept is not None and kept.contents == contents:
            kept.looked = kept.used = now
            return kept.context
        made = self._made(contents)
        if cache is not None:
            self._kept[names] = _Kept(made, contents, now, now)
            while len(self._kept) > cache.most:
                self._kept.popitem(last=False)
        return made

    def _contents(self, name: bytes, paths: Paths) -> bytes:
        if name.startswith(_DATA):
            return name[len(_DATA) :]
        try:
            return self._read(paths.conf(name.decode()))
        except (OSError, ValueError) as error:
            raise library.HandshakeRefused(f"{name!r} can't be read: {error}") from error

    def _made(self, contents: tuple[bytes, ...]) -> SSL.Context:
        written = [(where, whose) for _, _, where, whose in self._pairs]
        pairs = [
            (contents[2 * place], contents[2 * place + 1], where, whose)
            for place, (where, whose) in enumerate(written)
        ]
        try:
            return self._make(pairs)
        except Trouble as trouble:
            raise library.HandshakeRefused(str(trouble.diagnostic)) from trouble
