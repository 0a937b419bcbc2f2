"""`auth_basic`: a user and a password, from a file (ngx_http_auth_basic_module)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
    Context,
    Template,
    directive,
    settings,
    template,
)
from reverseproxy.content.files import OpenFile
from reverseproxy.errors import Refusal
from reverseproxy.wire.credentials import basic_credentials

from . import passwords
from .verdicts import PASS, WAIT, Check, Verdict

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

    from .access import Turn

WHERE = HTTP_SERVER_LOCATION | Context.LIMIT_EXCEPT
#: How many files are kept where the name depends on the request.
FILES = 64
#: What may not stand in a field, should a variable bring it into the realm.
_CONTROLS = re.compile(rb"[\x00-\x1f\x7f]")


def user_file(args: Args) -> Template:
    """`auth_basic_user_file FILE`, from the configuration's directory; with variables."""
    found = args.template(args.words[0])
    start = args.paths.conf("") + "/"
    if found.text.startswith("/"):
        return found
    return Template((start, *found.parts), found.origin, start + found.text)


@settings
class BasicSettings:
    """Passwords (ngx_http_auth_basic_module)."""

    auth_basic: Template = directive(
        template,
        "off",
        WHERE,
        doc='Asks for a user and a password, for the realm that is named; "off" is none.',
        syntax="realm | off",
    )
    auth_basic_user_file: Template | None = directive(
        user_file,
        None,
        WHERE,
        doc="The file of users and hashes, as htpasswd makes it; read again when it changes.",
        syntax="file",
    )


class UserFile:
    """A file of lines `user:hash[:comment]`; of two lines for a user the first counts."""

    def __init__(self, path: bytes) -> None:
        self.path = path
        self._stamp: tuple[int, ...] = ()
        self._users: dict[bytes, bytes] = {}

    def find(self, user: bytes) -> bytes | None:
        """The hash of a user's password. Raises OSError; ValueError for what is no regular file."""
        status = os.stat(self.path)
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp != self._stamp:
            # A fifo would be waited for, and a device may have no end.
            opened = OpenFile(self.path)
            if not opened.is_file:
                raise ValueError("not a regular file")
            self._users = self._read(opened.read())
            self._stamp = stamp
        return self._users.get(user)

    @staticmethod
    def _read(data: bytes) -> dict[bytes, bytes]:
        users: dict[bytes, bytes] = {}
        for line in data.split(b"\n"):
            user, colon, rest = line.partition(b":")
            if colon and not user.startswith((b"#", b"\r")):
                users.setdefault(user, re.split(rb"[:\r]", rest, maxsplit=1)[0])
        return users


class Basic:
    """The check of one place."""

    def __init__(self, place: Place, file: Template) -> None:
        self._realm = place.compile(place[BasicSettings].auth_basic)
        self._path = place.compile(file)
        self._files: dict[bytes, UserFile] = {}
        self._remembered = passwords.Remembered()

    def __call__(self, request: Request, turn: Turn) -> Verdict:
        """Look at the Authorization field (RFC 7617)."""
        realm = self._realm(request)
        if realm == b"off":
            return None
        given = basic_credentials(request.head.named.get(b"authorization"))
        if given is None:
            why = "no user/password was provided for basic authentication"
            return _unauthorized(realm, why, "info")
        user, password = given
        path = self._path(request)
        try:
            stored = self._file(path).find(user)
        except (OSError, ValueError) as error:
            return _unreadable(path, error)
        if stored is None:
            return _unauthorized(realm, f'user "{_shown(user)}" was not found in "{_shown(path)}"')
        if self._remembered.knows(stored, password):
            return PASS

        def wrong() -> Refusal:
            return _unauthorized(realm, f'user "{_shown(user)}": password mismatch')

        if passwords.slow(stored):
            _Verification(self._remembered, request, turn, stored, password, wrong)
            return WAIT
        try:
            right = passwords.verify(stored, password)
        except OSError as error:
            return _no_crypt(error)
        if not right:
            return wrong()
        self._remembered.add(stored, password)
        return PASS

    def _file(self, path: bytes) -> UserFile:
        file = self._files.get(path)
        if file is None:
            if len(self._files) >= FILES:
                del self._files[next(iter(self._files))]
            file = self._files[path] = UserFile(path)
        return file


class _Verification:
    """A slow hash that is made in a thread, while the client may leave."""

    def __init__(
        self,
        remembered: passwords.Remembered,
        request: Request,
        turn: Turn,
        stored: bytes,
        password: bytes,
        wrong: Callable[[], Refusal],
    ) -> None:
        self._turn: Turn | None = turn
        self._request = request
        request.watcher = self
        reactor: Any = request.site.sweep.clock

        def done(right: bool) -> None:
            if right:
                remembered.add(stored, password)
            self._decided(PASS if right else wrong())

        verified = deferToThreadPool(
            reactor,
            reactor.getThreadPool(),
            passwords.verify,
            stored,
            password,
        )
        verified.addCallbacks(done, self._failed)

    def _failed(self, failure: Failure) -> None:
        failure.trap(OSError)
        self._decided(_no_crypt(failure.value))

    def _decided(self, verdict: Verdict) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            self._request.watcher = None
            turn.decided(verdict)

    def client_gone(self) -> None:
        """The client left: nobody needs the verdict."""
        self._turn = None


def _unauthorized(realm: bytes, why: str, level: str = "error") -> Refusal:
    field = (b"WWW-Authenticate", b'Basic realm="%b"' % _CONTROLS.sub(b"", realm))
    return Refusal(401, "RP-401-basic", why, level, (field,))


def _unreadable(path: bytes, error: OSError | ValueError) -> Refusal:
    detail = f'open() "{_shown(path)}" failed ({error})'
    if isinstance(error, FileNotFoundError):
        return Refusal(403, "RP-403-user-file", detail)
    return Refusal(500, "RP-500-user-file", detail, "crit")


def _no_crypt(error: BaseException | None) -> Refusal:
    return Refusal(500, "RP-500-crypt", f"a password can't be verified: {error}", "crit")


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")


def check(place: Place) -> Check | None:
    """What `auth_basic` says of a request, None where it is off."""
    rules = place[BasicSettings]
    if rules.auth_basic.constant == "off":
        return None
    if rules.auth_basic_user_file is None:
        where = place.level.origin_of("auth_basic")
        place.assembly.error_log.log(
            "warn", f"{where}: auth_basic asks nobody: there is no auth_basic_user_file for it"
        )
        return None
    return Basic(place, rules.auth_basic_user_file)
