"""Servers of several kinds that do the same: they say who they are, after a moment.

An answer is a head without a body: it leaves in one write, so whoever kills the server finds it
sent or not. Half an answer can't be mended (gunicorn sends head and body in two writes).
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.integration.apache import Apache
from tests.integration.components import SYSTEM_PYTHON
from tests.integration.servers import Server

#: The application that gunicorn and mod_wsgi serve; its name comes in the environment.
WSGI = """\
import os, time
def application(environ, start_response):
    time.sleep(0.01)
    start_response("200 OK", [("Content-Length", "0"), ("X-Backend", os.environ["BACKEND"])])
    return [b""]
"""
#: One process on several ports, which answers as fast as it can.
SWIFT = """\
import asyncio, sys
class Swift(asyncio.Protocol):
    def __init__(self, port):
        fields = b"Content-Length: 0\\r\\nX-Backend: %d\\r\\n\\r\\n" % port
        self.answer = b"HTTP/1.1 200 OK\\r\\n" + fields
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        if data.endswith(b"\\r\\n\\r\\n"):
            self.transport.write(self.answer)
async def serve():
    loop = asyncio.get_running_loop()
    for port in map(int, sys.argv[:0:-1]):
        await loop.create_server(lambda port=port: Swift(port), "127.0.0.1", port)
    await asyncio.Future()
asyncio.run(serve())
"""


def gunicorn(home: Path, port: int, *options: str) -> Server:
    """gunicorn, with two workers."""
    (home / "small.py").write_text(WSGI)
    argv = [SYSTEM_PYTHON, "-m", "gunicorn", "--workers=2", f"--bind=127.0.0.1:{port}", *options]
    return Server([*argv, "small:application"], port, home, environ={"BACKEND": str(port)})


class _Graceful(Apache):
    """Stopped as `systemctl stop apache2` does it: gracefully, then without mercy."""

    def stop(self) -> None:
        self.process.send_signal(signal.SIGWINCH)
        try:
            self.process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            pass
        self.kill()


def apache(home: Path, port: int) -> Server:
    """Apache with mod_wsgi."""
    (home / "site").mkdir()
    (home / "site" / "wsgi.py").write_text(WSGI)
    return _Graceful(home, port, {"BACKEND": str(port), "PYTHONDONTWRITEBYTECODE": "1"})


def swift(home: Path, ports: Sequence[int]) -> Server:
    """A server that says on which of `ports` it was asked; once the first answers, all do."""
    return Server([sys.executable, "-c", SWIFT, *map(str, ports)], ports[0], home)
