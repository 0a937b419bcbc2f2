"""A client of the bench that speaks TLS, in memory."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Protocol

from OpenSSL import SSL, crypto

from reverseproxy.tls import library

from .answers import Answer, read_answers
from .authorities import Certificate
from .support import Client, request


class Connects(Protocol):
    """What clients connect to: a bench, for one."""

    def client(self, port: int = 80) -> Client:
        """A new connection."""
        raise NotImplementedError


class TLSClient:
    """A connection over TLS to one of the bench's ports; `line` is what carries it.

    `again` is a client whose session is to be resumed, with its certificate.
    """

    def __init__(
        self,
        bench: Connects,
        name: str | None = "example.org",
        *,
        port: int = 443,
        pair: Certificate | None = None,
        chain: Sequence[Certificate] = (),
        options: int = 0,
        again: TLSClient | None = None,
        ciphers: bytes = b"",
        alpn: tuple[bytes, ...] = (),
        connect: bool = True,
    ) -> None:
        self.line = bench.client(port)
        self.stapled = b""
        if again is None:
            self.context = context = SSL.Context(SSL.SSLv23_METHOD)
            context.set_options(options)
            if ciphers:
                context.set_cipher_list(ciphers)
            if alpn:
                context.set_alpn_protos(list(alpn))
            if pair is not None:
                self._show(pair, chain)
            context.set_ocsp_client_callback(self._staple)
        else:
            # pyOpenSSL takes a session only where its context is the same.
            self.context = again.context
        self.tls = tls = SSL.Connection(self.context, None)
        tls.request_ocsp()
        if name is not None:
            tls.set_tlsext_host_name(name.encode())
        if again is not None:
            tls.set_session(again.session)
        tls.set_connect_state()
        #: what was decrypted, and what ended it: "close_notify" or an error's words
        self.plain = bytearray()
        self.over = ""
        self.connected = False
        if connect:
            self.pump()

    def _show(self, pair: Certificate, chain: Sequence[Certificate]) -> None:
        context = self.context
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.use_certificate(crypto.X509.from_cryptography(pair.certificate))
            context.use_privatekey(crypto.PKey.from_cryptography_key(pair.private))
            for one in chain:
                context.add_extra_chain_cert(crypto.X509.from_cryptography(one.certificate))

    def _staple(self, _connection: Any, response: bytes, _data: Any) -> bool:
        self.stapled = response
        return True

    @property
    def channel(self) -> Any:
        """The protocol behind it."""
        return self.line.channel

    @property
    def transport(self) -> Any:
        """The other end's transport."""
        return self.line.transport

    @property
    def reused(self) -> bool:
        """Whether a session was resumed."""
        return library.reused(self.tls)

    @property
    def session(self) -> Any:
        """The session, to resume."""
        return self.tls.get_session()

    @property
    def subject(self) -> str:
        """The name in the certificate that the server showed."""
        shown = self.tls.get_peer_certificate()
        if shown is None:
            raise AssertionError("there is no certificate")
        return str(shown.get_subject().CN)

    def pump(self) -> None:
        """Move bytes both ways until nothing moves any more."""
        while True:
            moved = self._step()
            try:
                records = self.tls.bio_read(1 << 20)
            except SSL.Error:
                if not moved:
                    return
                continue
            if self.line.ended not in ("closed", "reset"):
                self.line.send(records)

    def _step(self) -> bool:
        data = self.line.take()
        if data:
            self.tls.bio_write(data)
        try:
            if not self.connected:
                self.tls.do_handshake()
                self.connected = True
            while True:
                self.plain += self.tls.recv(1 << 16)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.over = self.over or "close_notify"
        except SSL.Error as error:
            self.over = self.over or str(error) or "broken"
        return bool(data)

    def send(self, data: bytes) -> None:
        """Send something, in records of its own."""
        while data:
            data = data[self.tls.send(data) :]
        self.pump()

    def answers(self, *methods: bytes) -> list[Answer]:
        """Every answer so far, taken apart."""
        return read_answers(bytes(self.plain), methods, closed=bool(self.over))

    def get(self, path: bytes = b"/", *fields: bytes, host: bytes = b"example.org") -> Answer:
        """Ask for a path and read the answer, which must be there at once."""
        self.plain.clear()
        self.send(request(path, *fields, host=host))
        found = self.answers(b"GET")
        if len(found) != 1:
            raise AssertionError(f"{len(found)} answers: {self.plain!r} {self.over}")
        return found[0]
