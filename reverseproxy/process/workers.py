"""The workers as the master sees them: forked, told what is new, replaced when they die."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredList

from reverseproxy.upstream.news import PeerNews

from . import control
from .forking import fork, passed, passing
from .link import Link
from .worker import Given, Place, Worker

if TYPE_CHECKING:
    from reverseproxy.web.listen import Address

    from .master import Master
    from .sources import Sources

#: A worker that lived for less was not well from the start, in seconds.
SHORT = 1.0
#: The longest pause before such a one is tried again, in seconds.
LONGEST = 60.0
#: The first such pause, in seconds.
SHORTEST = 0.5
#: How many in a row that served, and lived for less than `SHORT`, are replaced without a pause.
AT_ONCE = 5
#: How long workers may take to end after SIGTERM before they are killed, in seconds.
PATIENCE = 10.0


class Workers:
    """As many as `become` said; who dies is replaced at once."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._living: dict[int, Link] = {}
        self._wanted = 0
        self._pause = 0.0
        #: how many in a row did not live for long
        self._young = 0
        #: the next try, while there is a pause
        self._next_try: Any = None
        #: the last news of each check of each server
        self.checked: dict[object, bytes] = {}
        #: called when the last has ended, once somebody waits for that
        self.when_none: Callable[[], object] = lambda: None

    @property
    def none(self) -> bool:
        """Whether there are none."""
        return not self._living

    @property
    def serving(self) -> int:
        """How many serve and go on serving."""
        return len(self._serving)

    @property
    def _serving(self) -> list[Link]:
        return [link for link in self._living.values() if not link.leaving]

    def become(self, number: int) -> None:
        """Start workers, or let some finish, until there are so many."""
        self._begin_anew(number)
        serving = self._serving
        for link in serving[number:]:
            link.leave()
        for _ in range(number - len(serving)):
            self._start()

    def replace(self, number: int) -> Deferred[Any]:
        """Start so many new ones, and let the old ones finish once those serve."""
        before = self._serving
        self._begin_anew(number)
        started = [self._start() for _ in range(number)]
        ready: Deferred[Any] = DeferredList([link.ready for link in started if link is not None])

        def leave(_result: Any) -> None:
            if not any(link is not None and link.serves for link in started):
                log = self._master.error_log.log
                log("alert", "none of the new workers can serve: the old ones go on")
                return
            for link in before:
                link.leave()

        return ready.addCallback(leave)

    def _begin_anew(self, wanted: int) -> None:
        """The operator wants so many now: whatever was wrong before may be right."""
        self._wanted, self._young, self._pause = wanted, 0, 0.0
        call, self._next_try = self._next_try, None
        if call is not None:
            call.cancel()

    def _start(self) -> Link | None:
        master = self._master
        loaded = master.loaded
        slot = master.shared.take()
        if slot is None:
            what = f"there are {master.shared.slots} workers already: restart for more"
            master.error_log.log("alert", what)
            return None
        mine, theirs = socket.socketpair()
        worker = Worker(
            loaded.configuration,
            loaded.sources,
            master.read,
            Given(
                master.sockets,
                {file.path: file.fd for file in loaded.assembly.log_files},
                master.shared.zone_files,
            ),
            Place(slot, master.shared.slots, master.shared.board),
            (theirs, mine),
            master.observer,
        )
        try:
            pid = fork(master.reactor, worker.run)
        except OSError as error:
            master.error_log.log("alert", f"fork() failed: {error.strerror}")
            mine.close()
            theirs.close()
            master.shared.give_back(slot)
            self._later()
            return None
        theirs.close()
        link = self._living[pid] = Link(pid, slot, master)
        master.reactor.adoptStreamConnection(mine.fileno(), socket.AF_UNIX, link)
        mine.close()
        master.error_log.log("notice", f"start worker process {pid}")
        return link

    # --- what all are told ---

    def adopt(self, sources: Sources, new: Mapping[Address, socket.socket]) -> Deferred[Any]:
        """Let all serve a new configuration; fired when they do."""
        # What checks knew of this configuration each worker takes over by itself.
        self.checked.clear()
        memory = os.memfd_create("sources", os.MFD_CLOEXEC)
        passing.add(memory)
        os.write(memory, sources.pack())
        told = []
        for link in self._serving:
            for address, sock in new.items():
                link.give(control.SOCKET, str(address), sock.fileno())
            link.give_logs()
            for name, number in self._master.shared.zone_files.items():
                link.give(control.ZONE, name, number)
            told.append(link.tell(control.Adopt, sources=memory).addCallback(link.adopted))
        done: Deferred[Any] = DeferredList(told)
        return done.addBoth(lambda _result: passed(memory))

    def heard(self, teller: Link, news: bytes) -> None:
        """Tell the others what one found out, and keep what a check knows for those to come."""
        told = PeerNews.of_bytes(news)
        if told.opinion is not None:
            key = (told.group, told.server, told.address, told.opinion.at)
            self.checked[key] = news
        for link in self._living.values():
            if link is not teller and link.serves:
                link.tell(control.News, news=news)

    def choose_checker(self) -> None:
        """See that one worker that stays checks upstream servers."""
        able = [link for link in self._serving if link.serves]
        if able and not any(link.checks for link in able):
            able[0].checks = True
            able[0].tell(control.Check)

    def reopen(self) -> None:
        """Give the log files anew."""
        for link in self._living.values():
            link.give_logs()
            link.tell(control.Reopen)

    # --- who dies, and who ends ---

    def reap(self) -> None:
        """See who has ended."""
        for pid, link in tuple(self._living.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self._living[pid]
                self._master.shared.give_back(link.slot)
                self._ended(link, status)
                self.choose_checker()
        if not self._living:
            self.when_none()

    def _ended(self, link: Link, status: int) -> None:
        log = self._master.error_log.log
        told = f"worker process {link.pid} exited"
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            log("alert", f"{told} on signal {number} ({signal.Signals(number).name})")
        elif not link.leaving:
            log("alert", f"{told} with code {os.WEXITSTATUS(status)}")
        else:
            log("notice", f"{told} with code {os.WEXITSTATUS(status)}")
        if link.leaving or len(self._serving) >= self._wanted:
            return
        if link.age >= SHORT:
            self._young, self._pause = 0, 0.0
        else:
            self._young += 1
        if not self._young or (link.serves and self._young <= AT_ONCE):
            self._start()
            return
        if not self._pause:
            log("alert", "workers that end at once are tried again with growing pauses")
        self._later()

    def _later(self) -> None:
        """Start those that are missing after a pause, which is longer than the last one."""
        if self._next_try is None:
            self._pause = min(self._pause * 2 or SHORTEST, LONGEST)
            self._next_try = self._master.reactor.callLater(self._pause, self._fill)

    def _fill(self) -> None:
        self._next_try = None
        for _ in range(self._wanted - len(self._serving)):
            self._start()

    def drain(self) -> None:
        """Let all finish and start no others, until a reload wants some."""
        self._wanted = 0
        for link in self._serving:
            link.leave()

    def stop(self, number: int) -> None:
        """End all with a signal; those that SIGTERM does not end are killed after a while."""
        self._wanted = 0
        for link in self._living.values():
            link.leave(number)
        if number == signal.SIGTERM:
            self._master.reactor.callLater(PATIENCE, self._kill)

    def _kill(self) -> None:
        for link in self._living.values():
            self._master.error_log.log("alert", f"worker process {link.pid} is killed: it hangs")
            link.signal(signal.SIGKILL)
