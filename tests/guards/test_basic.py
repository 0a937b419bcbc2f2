"""`auth_basic`, `satisfy` and `auth_delay`."""

from __future__ import annotations

import base64
import os
from typing import Any

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.guards import passwords
from tests.support import Bench, load_text, serve

#: "secret" in every scheme, made by htpasswd and openssl.
HASHES = {
    "plain": b"{PLAIN}secret",
    "sha": b"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
    "ssha": b"{SSHA}"
    + base64.b64encode(bytes.fromhex("8152bc582f58c854f580cb101d3182813dec4afe") + b"salt"),
    "apr1": b"$apr1$d6DOIER6$bBpWa2cTASGz3PFJXRB0I/",
    "md5": b"$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1",
    "des": b"Huygll4R6UO7s",
    "bcrypt": b"$2y$05$7U6oxEkGrQBRHS/eIAqSqus0qbjlsEi5w09gqR3KPDinYhWqCeH/u",
    "sha512": b"$6$abc$IdWKNKTJEb8LxY7CGg8YBXlvtfZzFw7Mp/r6niK9YB2mdvgY..TKjv1T..8RadRt2qvUHYRLr"
    b"/TsVArtr91iR1",
}


class PasswordTests(SynchronousTestCase):
    """Hashes that other programs made."""

    def test_schemes(self) -> None:
        """Each scheme knows the password it was made of, and no other."""
        for name, stored in HASHES.items():
            self.assertTrue(passwords.verify(stored, b"secret"), name)
            self.assertFalse(passwords.verify(stored, b"Secret"), name)
            self.assertFalse(passwords.verify(stored, b""), name)

    def test_long_apr1(self) -> None:
        """A password longer than a digest is mixed as Apache mixes it."""
        stored = b"$apr1$abc$77rKqJqY.58.YAtshgYSi1"
        self.assertTrue(passwords.verify(stored, b"a much longer password than sixteen"))

    def test_no_hash(self) -> None:
        """What is no hash of anything lets nobody in."""
        for stored in (
            b"",
            b"*",
            b"!",
            b"{SHA}!",
            b"{SSHA}",
            b"$2y$",
            b"$apr1$",
            b"*0",
            b"{PLAIN}x",
        ):
            for password in (b"", b"*0", b"*1", b"a\0b", stored):
                self.assertFalse(passwords.verify(stored, password), (stored, password))

    def test_slow(self) -> None:
        """Only what is made to be slow goes to a thread."""
        slow = {name for name, stored in HASHES.items() if passwords.slow(stored)}
        self.assertEqual(slow, {"bcrypt", "sha512"})

    def test_remembered(self) -> None:
        """What is remembered is bound to the hash, and bounded."""
        remembered = passwords.Remembered()
        remembered.add(b"hash", b"secret")
        self.assertTrue(remembered.knows(b"hash", b"secret"))
        self.assertFalse(remembered.knows(b"hashs", b"ecret"))
        for number in range(passwords.REMEMBERED):
            remembered.add(b"hash", b"%d" % number)
        self.assertFalse(remembered.knows(b"hash", b"secret"))


class Pool:
    """A thread pool of no threads: what it is given runs when a test says so."""

    def __init__(self, bench: Bench) -> None:
        self.waiting: list[Any] = []
        reactor: Any = bench.reactor
        reactor.getThreadPool = lambda: self
        reactor.callFromThread = lambda call, *args: call(*args)

    def callInThreadWithCallback(self, on_result: Any, call: Any, *args: Any) -> None:
        self.waiting.append((on_result, call, args))

    def run(self) -> None:
        """Run what waits."""
        waiting, self.waiting = self.waiting, []
        for on_result, call, args in waiting:
            try:
                result = call(*args)
            except Exception:  # noqa: BLE001 - as the real one
                on_result(False, Failure())
            else:
                on_result(True, result)


def credentials(user: str = "a", password: str = "secret") -> bytes:
    """An Authorization field."""
    return b"Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode())


class BasicTests(SynchronousTestCase):
    """A location behind a password; 404 is its content."""

    def bench(self, rules: str = "", users: bytes = b"a:{PLAIN}secret\n") -> Bench:
        prefix = os.path.abspath(self.mktemp())
        os.makedirs(prefix)
        with open(os.path.join(prefix, "users"), "wb") as file:
            file.write(users)
        location = f'auth_basic "the realm"; auth_basic_user_file users; {rules}'
        return serve(
            self,
            f"server {{ listen 80; location / {{ {location} try_files /no =404; }} }}",
            prefix,
        )

    def test_asks(self) -> None:
        """Who brings nothing is asked, for the realm."""
        answer = self.bench().client().get()
        self.assertEqual(answer.status, 401)
        self.assertEqual(answer.get(b"www-authenticate"), b'Basic realm="the realm"')

    def test_lets_in(self) -> None:
        """Who brings the right password comes in; a wrong one or another user does not."""
        bench = self.bench()
        self.assertEqual(bench.client().get(b"/", credentials()).status, 404)
        self.assertEqual(bench.client().get(b"/", credentials(password="no")).status, 401)
        self.assertEqual(bench.client().get(b"/", credentials("b")).status, 401)
        self.assertIn('user "a": password mismatch', "".join(bench.errors()))
        self.assertIn('user "b" was not found in', "".join(bench.errors()))

    def test_file(self) -> None:
        """Comments and lines without a colon are nothing; the first line of a user counts."""
        users = b"#a:{PLAIN}no\n\nnobody\na:{PLAIN}secret:comment\r\na:{PLAIN}other\nb:{PLAIN}x"
        bench = self.bench(users=users)
        self.assertEqual(bench.client().get(b"/", credentials()).status, 404)
        self.assertEqual(bench.client().get(b"/", credentials(password="other")).status, 401)
        self.assertEqual(bench.client().get(b"/", credentials("b", "x")).status, 404)
        self.assertEqual(bench.client().get(b"/", credentials("#a", "no")).status, 401)

    def test_file_changes(self) -> None:
        """A changed file is read again."""
        bench = self.bench()
        bench.client().get(b"/", credentials())
        with open(bench.path("users"), "w") as file:
            file.write("a:{PLAIN}another\n")
        self.assertEqual(bench.client().get(b"/", credentials()).status, 401)
        self.assertEqual(bench.client().get(b"/", credentials(password="another")).status, 404)

    def test_no_file(self) -> None:
        """A file that is not there is 403, as in nginx."""
        bench = self.bench()
        os.unlink(bench.path("users"))
        self.assertEqual(bench.client().get(b"/", credentials()).status, 403)

    def test_no_user_file(self) -> None:
        """Without a file nobody is asked, and the log says so."""
        bench = serve(self, "server { listen 80; auth_basic x; location / { try_files /n =404; } }")
        self.assertEqual(bench.client().get().status, 404)

    def test_realm(self) -> None:
        """The realm may be made of variables; what would end the field is left out."""
        bench = serve(
            self,
            "server { listen 80; location / { auth_basic $uri; auth_basic_user_file users;"
            " try_files /n =404; } }",
        )
        answer = bench.client().get(b"/a%0d%0aX:%20y")
        self.assertEqual(answer.get(b"www-authenticate"), b'Basic realm="/aX: y"')

    def test_off(self) -> None:
        """A realm that comes out as "off" asks nobody."""
        bench = serve(
            self,
            "server { listen 80; set $realm off; auth_basic $realm; auth_basic_user_file users;"
            " location / { try_files /n =404; } location /on { auth_basic on;"
            " location /on/off { auth_basic off; try_files /n =404; } } }",
        )
        self.assertEqual(bench.client().get().status, 404)
        self.assertEqual(bench.client().get(b"/on").status, 401)
        self.assertEqual(bench.client().get(b"/on/off").status, 404)

    def test_bad_values(self) -> None:
        """Each takes one argument."""
        self.assertRaises(ConfigurationError, load_text, "auth_basic a b;", self.mktemp())
        self.assertRaises(ConfigurationError, load_text, "auth_basic_user_file;", self.mktemp())

    def test_thread(self) -> None:
        """A slow hash is made in a thread once; the right password is remembered."""
        bench = self.bench(users=b"a:" + HASHES["bcrypt"] + b"\n")
        pool = Pool(bench)
        client = bench.client()
        client.ask(b"/", credentials())
        self.assertEqual(client.received, b"")
        pool.run()
        self.assertEqual(client.answer().status, 404)
        self.assertEqual(client.get(b"/", credentials()).status, 404)
        client.ask(b"/", credentials(password="wrong"))
        pool.run()
        self.assertEqual(client.answer().status, 401)

    def test_client_leaves(self) -> None:
        """A client that left while its password was looked at is no trouble."""
        bench = self.bench(users=b"a:" + HASHES["bcrypt"] + b"\n")
        pool = Pool(bench)
        client = bench.client()
        client.ask(b"/", credentials())
        client.reset()
        pool.run()
        self.assertIn(" 499 ", bench.lines()[-1])

    def test_no_library(self) -> None:
        """Without a libcrypt its hashes are an error of the server's, in or out of a thread."""

        def missing(*_: Any) -> bool:
            raise OSError("no library")

        self.patch(passwords, "verify", missing)
        for name in ("bcrypt", "des"):
            bench = self.bench(users=b"a:" + HASHES[name] + b"\n")
            pool = Pool(bench)
            client = bench.client()
            client.ask(b"/", credentials())
            pool.run()
            self.assertEqual(client.answer().status, 500, name)

    def test_error_page_keeps_the_question(self) -> None:
        """The answer of an `error_page` for 401 still asks for the password."""
        bench = self.bench("error_page 401 = @login; } location @login { return 200 please;")
        answer = bench.client().get()
        self.assertEqual((answer.status, answer.body), (200, b"please"))
        self.assertEqual(answer.get(b"www-authenticate"), b'Basic realm="the realm"')


class SatisfyTests(SynchronousTestCase):
    """An address and a password."""

    bench = BasicTests.bench

    def test_all(self) -> None:
        """By default both must be right: a wrong address is 403, whatever the password."""
        bench = self.bench("allow 192.0.2.7; deny all;")  # type: ignore[attr-defined]
        self.assertEqual(bench.client().get().status, 401)
        self.assertEqual(bench.client().get(b"/", credentials()).status, 404)
        other = bench.client(peer=("192.0.2.8", 1))
        self.assertEqual(other.get(b"/", credentials()).status, 403)

    def test_any(self) -> None:
        """With `any` either opens; who has neither is asked for the password."""
        bench = self.bench("satisfy any; allow 192.0.2.7; deny all;")  # type: ignore[attr-defined]
        self.assertEqual(bench.client().get().status, 404)
        other = bench.client(peer=("192.0.2.8", 1))
        self.assertEqual(other.get(b"/", credentials()).status, 404)
        answer = other.get()
        self.assertEqual(answer.status, 401)
        self.assertEqual(len(answer.all(b"www-authenticate")), 1)

    def test_any_without_a_password(self) -> None:
        """`any` of one check is that check."""
        bench = serve(
            self,
            "server { listen 80; satisfy any; deny all; location / { try_files /no =404; } }",
        )
        self.assertEqual(bench.client().get().status, 403)

    def test_delay(self) -> None:
        """`auth_delay` holds a 401 back, and nothing else."""
        bench = self.bench("auth_delay 2s;")  # type: ignore[attr-defined]
        self.assertEqual(bench.client().get(b"/", credentials()).status, 404)
        client = bench.client()
        client.ask()
        bench.advance(1.9)
        self.assertEqual(client.received, b"")
        bench.advance(0.2)
        self.assertEqual(client.answer().status, 401)

    def test_delay_and_gone(self) -> None:
        """A client that leaves takes its delay with it."""
        bench = self.bench("auth_delay 2s;")  # type: ignore[attr-defined]
        client = bench.client()
        client.ask()
        calls = len(bench.reactor.getDelayedCalls())
        client.reset()
        self.assertEqual(len(bench.reactor.getDelayedCalls()), calls - 1)
