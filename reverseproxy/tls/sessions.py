"""Sessions that any worker resumes, of clients without tickets (SSL_CTX_sess_set_get_cb(3)).

The callbacks are reached through ctypes, so only where cryptography uses the system's OpenSSL
(`library.native`); elsewhere each worker keeps sessions by itself. So does a worker that is alone.

OpenSSL looks by itself whether a session is too old, and whether it is of a server that verifies
clients in the same way: a zone keeps bytes and judges nothing.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from OpenSSL import SSL

from . import library

if TYPE_CHECKING:
    from reverseproxy.process.sharedring import SharedRing

_NO_INTERNAL = 0x300
_TLS1_3 = 0x0304
_NO_TICKET = int(SSL.OP_NO_TICKET)

_ADDRESS, _INTEGER = ctypes.c_void_p, ctypes.c_int
_NEW = ctypes.CFUNCTYPE(_INTEGER, _ADDRESS, _ADDRESS)
_GET = ctypes.CFUNCTYPE(_ADDRESS, _ADDRESS, _ADDRESS, _INTEGER, ctypes.POINTER(_INTEGER))
_REMOVE = ctypes.CFUNCTYPE(None, _ADDRESS, _ADDRESS)


def can_share() -> bool:
    """Whether sessions can be shared by workers."""
    return library.native is not None


class _Shared:
    """The callbacks of one context; `zone` is where sessions are now."""

    def __init__(self, native: Any, zone: SharedRing) -> None:
        self.zone = zone
        self._native = native
        for name, result, *arguments in (
            ("SSL_SESSION_get_id", _ADDRESS, _ADDRESS, ctypes.POINTER(ctypes.c_uint)),
            ("i2d_SSL_SESSION", _INTEGER, _ADDRESS, _ADDRESS),
            ("d2i_SSL_SESSION", _ADDRESS, _ADDRESS, _ADDRESS, ctypes.c_long),
            ("SSL_version", _INTEGER, _ADDRESS),
            ("SSL_get_options", ctypes.c_uint64, _ADDRESS),
        ):
            function = getattr(native, name)
            function.restype, function.argtypes = result, tuple(arguments)
        self.callbacks = _NEW(self._new), _GET(self._get), _REMOVE(self._remove)

    def _number(self, session: int) -> bytes:
        length = ctypes.c_uint()
        found = self._native.SSL_SESSION_get_id(session, ctypes.byref(length))
        return ctypes.string_at(found, length.value)

    def _new(self, ssl: int, session: int) -> int:
        native = self._native
        if native.SSL_version(ssl) == _TLS1_3 and not native.SSL_get_options(ssl) & _NO_TICKET:
            # The client has a ticket: its session is in there.
            return 0
        number = self._number(session)
        size = native.i2d_SSL_SESSION(session, None)
        if number and size > 0:
            written = ctypes.create_string_buffer(size)
            end = ctypes.c_void_p(ctypes.addressof(written))
            native.i2d_SSL_SESSION(session, ctypes.byref(end))
            self.zone.put(number, written.raw)
        # It is not kept here.
        return 0

    def _get(self, _ssl: int, number: int, length: int, copies: Any) -> int | None:
        # Whoever asks for it owns it.
        copies[0] = 0
        found = self.zone.get(ctypes.string_at(number, length))
        if found is None:
            return None
        begin = ctypes.create_string_buffer(found, len(found))
        at = ctypes.c_void_p(ctypes.addressof(begin))
        made: int | None = self._native.d2i_SSL_SESSION(None, ctypes.byref(at), len(found))
        return made

    def _remove(self, _context: int, session: int) -> None:
        self.zone.remove(self._number(session))


_shared: WeakKeyDictionary[SSL.Context, _Shared] = WeakKeyDictionary()
#: what C holds must live as long as its context, which connections keep: as long as the process
_kept: list[_Shared] = []


def share(context: SSL.Context, zone: SharedRing) -> None:
    """Let the sessions of a context be in a zone from now on."""
    known = _shared.get(context)
    if known is not None:
        known.zone = zone
        return
    native = library.native
    made = _shared[context] = _Shared(native, zone)
    _kept.append(made)
    names = ("SSL_CTX_sess_set_new_cb", "SSL_CTX_sess_set_get_cb", "SSL_CTX_sess_set_remove_cb")
    for name, callback in zip(names, made.callbacks, strict=True):
        setter = getattr(native, name)
        setter.restype, setter.argtypes = None, (_ADDRESS, type(callback))
        setter(library.raw(context), callback)
    context.set_session_cache_mode(SSL.SESS_CACHE_SERVER | _NO_INTERNAL)
