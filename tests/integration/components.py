"""What an integration test needs, and what happens when it is not there.

On a developer's machine a missing server is a reason to skip a test, and the reason is said. In
CI (`CI` set in the environment) it is a failure: a run that tested nothing must not be green.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

ROOT = Path(__file__).resolve().parents[2]
ARTICLE = ROOT.parent / "shared" / "article" / "using-nginx-as-a-reverse-proxy.txt"
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that mod_wsgi and Debian's packages belong to
SYSTEM_PACKAGES = Path("/usr/lib/python3/dist-packages")
APACHE_MODULES = Path("/usr/lib/apache2/modules")

#: Which proxy the tests are about. "nginx" checks the tests themselves against the reference.
UNDER_TEST = os.environ.get("REVERSEPROXY_UNDER_TEST", "reverseproxy")


def program(name: str) -> str | None:
    """The path of a program; servers live in sbin, which a user's PATH often lacks."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def _proxy_is_there() -> bool:
    if UNDER_TEST == "nginx":
        return program("nginx") is not None
    return importlib.util.find_spec("reverseproxy.service") is not None


COMPONENTS = {
    "the proxy": (_proxy_is_there, f"the proxy under test, {UNDER_TEST}, is not there"),
    "apache": (lambda: program("apache2") is not None, "apache2 is not installed"),
    "mod_wsgi": (
        lambda: (APACHE_MODULES / "mod_wsgi.so").exists(),
        "libapache2-mod-wsgi-py3 is not installed",
    ),
    "django": (
        lambda: (SYSTEM_PACKAGES / "django").is_dir(),
        "python3-django is not installed",
    ),
    "gunicorn": (
        lambda: (SYSTEM_PACKAGES / "gunicorn").is_dir(),
        "python3-gunicorn is not installed",
    ),
    "websockets": (
        lambda: (SYSTEM_PACKAGES / "websockets").is_dir(),
        "python3-websockets is not installed",
    ),
    "nginx": (lambda: program("nginx") is not None, "nginx is not installed"),
    "strace": (lambda: program("strace") is not None, "strace is not installed"),
    "systemd": (
        lambda: program("systemd-socket-activate") is not None,
        "systemd, of which systemd-socket-activate is wanted, is not installed",
    ),
    "testssl": (lambda: program("testssl") is not None, "testssl.sh is not installed"),
    "chromium": (lambda: program("chromium") is not None, "chromium is not installed"),
    "certutil": (lambda: program("certutil") is not None, "libnss3-tools is not installed"),
    "the article": (ARTICLE.exists, "the article is not in ../shared/article beside this checkout"),
}


class IntegrationCase(SynchronousTestCase):
    """A test against real servers; `needs` names the components it can't do without."""

    needs: tuple[str, ...] = ("the proxy",)

    def setUp(self) -> None:
        for name in self.needs:
            is_there, reason = COMPONENTS[name]
            if is_there():
                continue
            if os.environ.get("CI"):
                self.fail(f"{reason}; in CI that is a failure")
            raise SkipTest(reason)
