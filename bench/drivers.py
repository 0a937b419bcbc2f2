"""The programs that load a proxy: what each did, and whether all of it went well."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable

import attrs

from bench.peers import Running
from tests.integration.components import program


@attrs.frozen
class Load:
    """What a proxy had to do: `units` of work (requests or gigabytes), and what of it failed."""

    units: float
    failed: int = 0


#: Puts a load on a proxy for about so many seconds.
Driver = Callable[[Running, float], Load]


def wrk(path: str, connections: int, *fields: str, tls: bool = False, script: str = "") -> Driver:
    """Requests one after the other over each of `connections`; the unit is one request.

    `script` is a file beside this one that makes them.
    """

    def drive(running: Running, seconds: float) -> Load:
        command = [program("wrk") or "wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s"]
        for field in fields:
            command += ["-H", field]
        if script:
            command += ["-s", os.path.join(os.path.dirname(__file__), script)]
        said = _said([*command, _url(running, path, tls)])
        failed = _figure(r"Non-2xx or 3xx responses: (\d+)", said)
        for kinds in re.findall(r"Socket errors: (.*)", said):
            failed += sum(int(number) for number in re.findall(r"\d+", kinds))
        return Load(_figure(r"(\d+) requests in", said), int(failed))

    return drive


def transfers(path: str, size: int, *arguments: str) -> Driver:
    """curl, one transfer of `size` bytes after the other; the unit is a gigabyte.

    "FILES" in an argument is the directory of `Backends.files`.
    """

    def drive(running: Running, seconds: float) -> Load:
        url, done, failed, spent = _url(running, path), 0, 0, 0.0
        given = [argument.replace("FILES", str(running.files)) for argument in arguments]
        form = "%{http_code} %{size_download} %{size_upload} %{time_total}"
        while spent < seconds:
            said = _said(["curl", "-s", "-o", "/dev/null", "-w", form, *given, url])
            status, down, up, took = said.split()
            spent += float(took)
            done += 1
            failed += status != "200" or max(int(down), int(up)) != size
        return Load(done * size / 1e9, failed)

    return drive


def fetched(running: Running, path: str, *fields: str) -> bytes:
    """A body as it comes over the wire (compressed, if it is)."""
    command = ["curl", "-s", "-f", "--raw"]
    for field in fields:
        command += ["-H", field]
    return subprocess.run(
        [*command, _url(running, path)], capture_output=True, check=True, timeout=60
    ).stdout


def _url(running: Running, path: str, tls: bool = False) -> str:
    if tls:
        return f"https://localhost:{running.tls}{path}"
    return f"http://localhost:{running.port}{path}"


def _said(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout


def _figure(pattern: str, text: str) -> float:
    match = re.search(pattern, text)
    return float(match[1]) if match else 0.0
