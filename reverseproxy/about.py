"""What `-v`, `-V` and `-h` say. It imports next to nothing: they answer at once."""

from __future__ import annotations

import os
import re
import sys

from reverseproxy import __version__

#: The configuration, and the pid file below the prefix, where nothing else is said.
CONFIGURATION = "/etc/reverseproxy"
PID_FILE = "logs/reverseproxy.pid"

#: Modules that are there and that nginx has only if it was configured with them: a module that is
#: written gets its row here, and scripts that look for it find it.
MODULES = (
    "http_auth_request_module",
    "http_gunzip_module",
    "http_gzip_static_module",
    "http_random_index_module",
    "http_realip_module",
    "http_ssl_module",
    "http_stub_status_module",
)
#: What else `-V` says of TLS, a line each.
TLS: tuple[str, ...] = ("TLS SNI support enabled",)
#: Where things are if nothing else is said, by nginx's names of its configure script.
PATHS = {
    "conf-path": CONFIGURATION,
    "error-log-path": "logs/error.log",
    "pid-path": PID_FILE,
    "http-log-path": "logs/access.log",
    "http-client-body-temp-path": "client_body_temp",
    "http-proxy-temp-path": "proxy_temp",
}

USAGE = f"""\
Usage: reverseproxy [-?hvVtTq] [-s signal] [-p prefix]
                    [-e filename] [-c filename] [-g directives]

Options:
  -?,-h         : this help
  -v            : show version and exit
  -V            : show version and configure options then exit
  -t            : test configuration and exit
  -T            : test configuration, dump it and exit
  -q            : suppress non-error messages during configuration testing
  -s signal     : send signal to the running daemon: stop, quit, reopen, reload
  -p prefix     : set prefix path (default: where the configuration is)
  -e filename   : set error log file (default: logs/error.log)
  -c filename   : set configuration file, or a directory with reverseproxy.conf
                  or nginx.conf in it (default: {CONFIGURATION})
  -g directives : set global directives out of configuration file
"""


def version() -> str:
    """The answer to `-v`."""
    return f"reverseproxy version: reverseproxy/{__version__}\n"


def build() -> str:
    """What `-V` says after that."""
    python = ".".join(map(str, sys.version_info[:3]))
    arguments = [f"--{name}={path}" for name, path in PATHS.items()]
    arguments += [f"--with-{module}" for module in MODULES]
    lines = (
        f"running on Python {python}, Twisted {installed('twisted')}",
        f"built with {openssl()}",
        *TLS,
        f"configure arguments: {' '.join(arguments)}",
    )
    return "".join(f"{line}\n" for line in lines)


def installed(name: str) -> str:
    """The version of a package, from the name of its metadata: importlib's way costs 50 ms."""
    metadata = re.compile(rf"{name}-([^-]+)(?:-py[\d.]+)?\.(?:dist|egg)-info", re.IGNORECASE)
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:  # a folder that is not there, a zip
            continue
        for found in map(metadata.fullmatch, names):
            if found is not None:
                return found[1]
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    try:
        return version_of(name)
    except PackageNotFoundError:
        return "of unknown version"


def openssl() -> str:
    """The OpenSSL that TLS is made with: cryptography's, which need not be Python's own."""
    try:
        from cryptography.hazmat.bindings._rust import openssl as library
    except ImportError:
        # Before cryptography 40, Debian 12's among them.
        from cryptography.hazmat.bindings import _openssl as older  # type: ignore[attr-defined]

        text: bytes = older.ffi.string(older.lib.OpenSSL_version(0))
        return text.decode()
    return library.openssl_version_text()
