"""`ssl_certificate_reload`: certificates and keys that were renewed are taken by themselves.

Once a minute the files are compared with what was read of them. What changed is put together with
the configuration as it was read then (the files of the configuration itself are not looked at), and
served if all of it fits. If not, the log says why, once, and what is served stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reverseproxy.config import read_file

if TYPE_CHECKING:
    from .loaded import Loaded
    from .sources import Sources

#: How often files are looked at, in seconds; how often the same warning is given.
EVERY = 60.0
DAY = 86400.0
#: From when on it is told that a certificate ends, in seconds.
NOTICE = 14 * DAY


class Renewing:
    """Looks at the files of what `loaded()` is; `reload(sources)` serves what was renewed.

    Unless it is True, there was no time for that.
    """

    def __init__(
        self, reactor: Any, loaded: Callable[[], Loaded], reload: Callable[[Sources], bool]
    ) -> None:
        self._reactor = reactor
        self._loaded = loaded
        self._reload = reload
        self._call: Any = None
        #: what was tried and did not fit
        self._refused: dict[str, bytes] = {}
        #: when it was last told that a certificate ends, by its file
        self._told: dict[str, float] = {}

    def start(self) -> None:
        """Begin to look."""
        self._call = self._reactor.callLater(EVERY, self._look)

    def stop(self) -> None:
        """Look no more."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _look(self) -> None:
        self._call = self._reactor.callLater(EVERY, self._look)
        loaded = self._loaded()
        self._tell_of_ends(loaded)
        changed = {}
        for path in loaded.assembly.renewable:
            try:
                data = read_file(path)
                before = loaded.sources.read(path)
            except OSError:
                # It may be about to be put there: the next time, or a reload, tells.
                continue
            if data != before:
                changed[path] = data
        if changed and changed != self._refused:
            loaded.assembly.error_log.log(
                "notice", f"renewed: {', '.join(sorted(changed))}; reading them"
            )
            if self._reload(loaded.sources.renewed(changed)):
                self._refused = changed

    def _tell_of_ends(self, loaded: Loaded) -> None:
        assembly = loaded.assembly
        now = assembly.dates.clock()
        for path, end in assembly.renewable.items():
            if end is None or end - now > NOTICE or now - self._told.get(path, 0.0) < DAY:
                continue
            self._told[path] = now
            days = int((end - now) // DAY)
            what = f"ends in {days} days" if days >= 0 else "has ended"
            assembly.error_log.log("warn", f'the certificate "{path}" {what}')
