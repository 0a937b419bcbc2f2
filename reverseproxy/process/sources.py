"""What a configuration is made from: files, names of files, addresses of hosts.

Who reads a configuration first keeps all of that, and others make the same from it: every worker
serves what the master has checked, whatever became of the files since; and asks no name server.
"""

from __future__ import annotations

import glob as file_names
import marshal
import os
from typing import TYPE_CHECKING

from reverseproxy.config import read_file
from reverseproxy.upstream.names import ask_system

if TYPE_CHECKING:
    from collections.abc import Mapping


class Sources:
    """Answers each question once, and the same ever after."""

    def __init__(self) -> None:
        #: a file's bytes, or the number of the error
        self._files: dict[str, bytes | int] = {}
        self._names: dict[str, list[str]] = {}
        #: a host's addresses, and why there are none
        self._hosts: dict[str, tuple[list[str], str]] = {}

    def read(self, path: str) -> bytes:
        """A file's bytes. Raises OSError."""
        if path not in self._files:
            try:
                self._files[path] = read_file(path)
            except OSError as error:
                self._files[path] = error.errno or 0
        found = self._files[path]
        if isinstance(found, int):
            raise OSError(found, os.strerror(found), path)
        return found

    def glob(self, pattern: str) -> list[str]:
        """The files that an `include` names."""
        if pattern not in self._names:
            self._names[pattern] = file_names.glob(pattern)
        return self._names[pattern]

    def addresses(self, host: str) -> tuple[list[str], str]:
        """The addresses that the system knows of a host, and why there are none."""
        if host not in self._hosts:
            self._hosts[host] = ask_system(host)
        return self._hosts[host]

    def renewed(self, files: Mapping[str, bytes]) -> Sources:
        """The same, but for these files."""
        made = Sources()
        made._files = {**self._files, **files}
        made._names, made._hosts = self._names, self._hosts
        return made

    def pack(self) -> bytes:
        """All of it, for `unpack` in another process of the same program."""
        return marshal.dumps((self._files, self._names, self._hosts))

    @classmethod
    def unpack(cls, data: bytes) -> Sources:
        """What `pack` packed."""
        made = cls()
        # The master's own bytes, by a channel that nobody else has.
        made._files, made._names, made._hosts = marshal.loads(data)  # noqa: S302
        return made
