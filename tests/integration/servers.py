"""Real servers on ports of their own: started, waited for, stopped; nothing else is touched."""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from tests.integration.components import ROOT, UNDER_TEST, program

T = TypeVar("T")

START_SECONDS = 20.0


def once(start: Callable[[], T]) -> Callable[[], T]:
    """Start something for the whole run at its first use; a failure to start stays a failure.

    Not functools.cache: it forgets a failure, and every test would wait for the next one.
    """
    outcome: list[T | AssertionError] = []

    @functools.wraps(start)
    def started() -> T:
        if not outcome:
            try:
                outcome.append(start())
            except AssertionError as error:
                outcome.append(error)
        if isinstance(outcome[0], AssertionError):
            raise outcome[0]
        return outcome[0]

    return started


#: Below the ports that the kernel gives to connections (32768 and up), so that none of them comes
#: between finding a port and listening on it; each process begins somewhere else.
_ports = itertools.count(10_000 + os.getpid() * 97 % 16_000)


def free_port() -> int:
    """A TCP port that nobody listens on, another one at each call."""
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable: the count has no end")


def directory(prefix: str) -> Path:
    """A new directory which an unprivileged worker may enter; removed at exit."""
    path = Path(tempfile.mkdtemp(prefix=f"reverseproxy-{prefix}-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    path.chmod(0o755)
    return path


def until(condition: Callable[[], object], what: str, seconds: float = START_SECONDS) -> None:
    """Ask again and again until `condition()` holds; AssertionError naming `what` after that."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.01)


def answers(port: int) -> bool:
    """Whether somebody accepts connections on a loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be collected doesn't."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(") ")[2][0] not in "ZX"


class Server:
    """A server process in the foreground, in a session of its own."""

    stop_seconds = 10.0

    def __init__(
        self,
        argv: Sequence[str],
        port: int,
        home: Path,
        *,
        environ: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.argv = list(argv)
        self.port = port
        self.home = home
        self.output = home / "output.txt"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(environ or {})},
                cwd=cwd or home,
                start_new_session=True,
            )
        atexit.register(self.stop)
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or atexit is not asked
        try:
            self._wait()
        except AssertionError:
            self.stop()
            raise

    def _wait(self) -> None:
        def ready() -> bool:
            status = self.process.poll()
            if status is not None:
                raise AssertionError(f"{self} ended with status {status}:\n{self.said()}")
            return answers(self.port)

        try:
            until(ready, f"{self} to listen on port {self.port}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said()}") from None

    def said(self) -> str:
        """What it wrote on its output so far."""
        return self.output.read_text(errors="replace")

    def stop(self) -> None:
        """SIGTERM to its own process group, and SIGKILL to what is left of it."""
        atexit.unregister(self.stop)
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)  # strace would keep it to itself
            try:
                self.process.wait(self.stop_seconds)
            except subprocess.TimeoutExpired:
                pass
        self.kill()

    def kill(self) -> None:
        """SIGKILL to its process group, whatever is under way."""
        atexit.unregister(self.stop)
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def __str__(self) -> str:
        return Path(self.argv[0]).name


def proxy_command(
    configuration: Path, prefix: Path, *, pidfile: Path | None = None, which: str = UNDER_TEST
) -> list[str]:
    """How the proxy under test is started; a `pidfile` asks for a daemon in the background."""
    if which == "nginx":
        nginx = program("nginx") or "nginx"
        command = [nginx, "-p", f"{prefix}/", "-c", str(configuration)]
        return command if pidfile else [*command, "-g", "daemon off;"]
    twistd = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]
    twistd += [f"--pidfile={pidfile}"] if pidfile else ["-n", "--pidfile="]
    plugin = ["reverseproxy", "--config", str(configuration), "--prefix", str(prefix)]
    return twistd + plugin


def proxy_environ() -> dict[str, str]:
    """What the proxy needs in its environment to be found from any directory."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def start_proxy(
    configuration: Path,
    prefix: Path,
    port: int,
    *,
    under: Sequence[str] = (),
    which: str = UNDER_TEST,
) -> Server:
    """The proxy under test with a configuration; `under` is a command that runs it (strace)."""
    return Server(
        [*under, *proxy_command(configuration, prefix, which=which)],
        port,
        prefix,
        environ=proxy_environ(),
        cwd=ROOT,
    )
