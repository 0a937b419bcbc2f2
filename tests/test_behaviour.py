"""Whole configurations and what they answer: tests/golden/behaviour/NAME.conf, NAME.answers.

A line of an answers file is a request, `=>`, and what came back: the status, Location if there is
one, other fields of interest, the first line of the body. After a deliberate change,
`python -m tests.test_behaviour` writes them anew; the difference is what to review.
"""

from __future__ import annotations

import os
import tempfile

from twisted.trial.unittest import SynchronousTestCase

from .support import Bench, request, serve

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden", "behaviour")
#: What lies below the prefix.
FILES = {
    "site/index.html": "<h1>home</h1>\n",
    "site/about/index.html": "<h1>about</h1>\n",
    "site/404.html": "<h1>nothing here</h1>\n",
    "site/assets/a.txt": "asset\n",
    "site/page.php": "source\n",
    "users": "joe:{PLAIN}secret\n",
}
#: The fields that are shown.
SHOWN = (b"Location", b"Content-Type", b"X-Kind", b"Expires", b"Cache-Control", b"WWW-Authenticate")
#: What each configuration is asked: a method, a target, then fields.
REQUESTS = {
    "site": (
        "GET /",
        "HEAD /",
        "POST /",
        "GET /about",
        "GET /about/",
        "GET /some/where?a=b",
        "GET /assets/a.txt",
        "GET /assets/none.txt",
        "GET /page.php",
        "GET /404.html",
        "GET /old/a%20b?c=d",
        "GET /%2e%2e/etc/passwd",
        "GET /x?y | Host: www.example.org",
        "GET / | Host: elsewhere.test",
    ),
    "access": (
        "GET /",
        "GET /closed/",
        "GET /admin/",
        "GET /admin/ | X-Role: admin",
        "GET /office/",
        "GET /office/ | X-From: 10.1.2.3",
        "GET /often/?key=1",
        "GET /often/?key=1",
        "GET /often/?key=2",
        "GET /login/",
        "GET /login/ | Authorization: Basic am9lOnNlY3JldA==",
        "GET /login/ | Authorization: Basic am9lOndyb25n",
    ),
}


def answer(bench: Bench, asked: str) -> str:
    """What comes back, in a line."""
    first, *fields = asked.split(" | ")
    method, target = first.encode().split(b" ")
    host = b"example.org"
    for field in [field for field in fields if field.startswith("Host: ")]:
        host = field.removeprefix("Host: ").encode()
        fields.remove(field)
    client = bench.client()
    lines = [field.encode() for field in fields]
    client.send(request(target, *lines, method=method, host=host))
    if not client.received:
        return client.ended
    found = client.answer(method)
    parts = [str(found.status)]
    for name in SHOWN:
        value = found.get(name)
        if value is not None:
            parts.append(f"{name.decode()}: {value.decode()}")
    return " | ".join([*parts, found.body.decode().partition("\n")[0]]).rstrip(" |")


def actual(test: SynchronousTestCase, name: str, prefix: str) -> str:
    """The answers of one configuration, whose files lie in the directory `prefix`."""
    for path, data in FILES.items():
        os.makedirs(os.path.dirname(os.path.join(prefix, path)), exist_ok=True)
        with open(os.path.join(prefix, path), "w", encoding="utf-8") as file:
            file.write(data)
    with open(os.path.join(GOLDEN, f"{name}.conf"), encoding="utf-8") as file:
        bench = serve(test, file.read(), prefix)
    return "".join(f"{asked} => {answer(bench, asked)}\n" for asked in REQUESTS[name])


class BehaviourTests(SynchronousTestCase):
    """Each configuration answers as is written beside it."""

    maxDiff = None

    def test_behaviour(self) -> None:
        """Every request gets exactly the answer that is expected."""
        names = [name[:-5] for name in os.listdir(GOLDEN) if name.endswith(".conf")]
        self.assertEqual(sorted(names), sorted(REQUESTS))
        for name in sorted(names):
            with open(os.path.join(GOLDEN, f"{name}.answers"), encoding="utf-8") as file:
                prefix = os.path.abspath(self.mktemp())
                self.assertEqual(actual(self, name, prefix), file.read(), name)


def write() -> None:
    """Write what the answers are now as what is expected."""
    for name in REQUESTS:
        test = SynchronousTestCase()
        with tempfile.TemporaryDirectory() as prefix:
            answers = actual(test, name, prefix)
        test.doCleanups()
        with open(os.path.join(GOLDEN, f"{name}.answers"), "w", encoding="utf-8") as file:
            file.write(answers)


if __name__ == "__main__":
    write()
