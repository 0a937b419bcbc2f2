"""twisted_resource: what was written for twisted.web runs here as it does there."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from reverseproxy.config import ConfigurationError

from ..support import Answer, Bench, Client, request, serve
from . import foreign


def mounted(test: SynchronousTestCase, name: str, where: str = "/", extra: str = "") -> Bench:
    """A bench with a resource of `foreign` at a location."""
    foreign.seen.clear()
    return serve(
        test,
        f"server {{ listen 80; server_name example.org; {extra} location {where} "
        f"{{ twisted_resource tests.content.foreign:{name}; }} }}",
    )


class MountTests(SynchronousTestCase):
    def client(self, name: str, where: str = "/", extra: str = "") -> Client:
        self.bench = mounted(self, name, where, extra)
        return self.bench.client()

    def get(self, name: str, path: bytes = b"/", *fields: bytes, where: str = "/") -> Answer:
        return self.client(name, where).get(path, *fields)

    def test_bytes(self) -> None:
        """Bytes that render_GET returns are the answer, with their length."""
        answer = self.get("hello")
        self.assertEqual((answer.status, answer.body), (200, b"hello"))
        self.assertEqual(answer.get(b"Content-Length"), b"5")
        self.assertEqual(answer.get(b"Content-Type"), b"text/html")
        self.assertEqual(answer.get(b"Connection"), b"keep-alive")

    def test_head(self) -> None:
        """HEAD has the head of GET."""
        client = self.client("hello")
        plain = client.get()
        self.assertEqual(client.get(method=b"HEAD").fields, plain.fields)

    def test_methods(self) -> None:
        """A method that a resource has not is answered as Twisted answers it."""
        answer = self.client("hello").get(method=b"DELETE")
        self.assertIn(answer.status, (405, 501))

    def test_paths(self) -> None:
        """Prepath is the location's part, postpath the rest, decoded, as in Twisted."""
        for where, asked, expected in (
            ("/", b"/a/b", ([], [b"a", b"b"])),
            ("/", b"/", ([], [b""])),
            ("/app/", b"/app/a%20b/c", ([b"app"], [b"a b", b"c"])),
            ("/app/", b"/app/", ([b"app"], [b""])),
            ("/a/b/", b"/a/b/c/d", ([b"a", b"b"], [b"c", b"d"])),
        ):
            self.assertEqual(self.get("path", asked, where=where).body, repr(expected).encode())

    def test_tree(self) -> None:
        """Children are looked up below the location, getChild's too."""
        for where, base in (("/", b""), ("/app/", b"/app")):
            self.assertEqual(self.get("tree", base + b"/", where=where).body, b"index")
            found = self.get("tree", base + b"/fixed/rest", where=where).body
            self.assertIn(b"b'fixed'], [b'rest']", found)
            found = self.get("tree", base + b"/other/rest", where=where).body
            self.assertTrue(found.startswith(b"made for other "), found)

    def test_slash(self) -> None:
        """`location /app/` answers `/app` with a redirect, as for a proxied one."""
        answer = self.get("tree", b"/app?q", where="/app/")
        self.assertEqual(
            (answer.status, answer.get(b"Location")), (301, b"http://example.org/app/?q")
        )

    def test_forms(self) -> None:
        """`args` has the query's and a form's fields; `content` is the body, from its start."""
        kind = b"Content-Type: application/x-www-form-urlencoded"
        for fields, body, args in (
            ((), b"", [(b"q", [b"1", b"2"])]),
            ((kind,), b"b=3&c=+%41", [(b"b", [b"3"]), (b"c", [b" A"]), (b"q", [b"1", b"2"])]),
            ((b"Content-Type: text/plain",), b"b=3", [(b"q", [b"1", b"2"])]),
        ):
            client = self.client("form")
            client.send(request(b"/?q=1&q=2", *fields, method=b"POST", body=body))
            self.assertEqual(client.answer().body, repr((args, body)).encode())

    def test_long_body(self) -> None:
        """A body that waits in a file is read like any other."""
        body = b"x" * 100_000
        client = self.client("form")
        client.send(request(method=b"POST", body=body))
        self.assertEqual(client.answer().body, repr(([], body)).encode())

    def test_about(self) -> None:
        """What a resource asks about its request has Twisted's answers."""
        found = self.get(
            "about",
            b"/a%20b?q",
            b"X-A: 1",
            b"X-A: 2",
            b"Authorization: Basic dXNlcjpwYXNz",
        ).body
        self.assertEqual(
            found,
            repr(
                (
                    b"GET",
                    b"/a%20b?q",
                    b"/a%20b",
                    b"HTTP/1.1",
                    "2",
                    b"2",
                    [b"1", b"2"],
                    "192.0.2.7",
                    80,
                    b"example.org",
                    False,
                    b"user",
                    b"pass",
                    "http://example.org/",
                    b"http://example.org/",
                )
            ).encode(),
        )

    def test_headers(self) -> None:
        """Fields, repeated ones and cookies go out; those of the framing are ours."""
        answer = self.get("headers", b"/", b"Cookie: c=d; e=f")
        self.assertEqual((answer.status, answer.reason, answer.body), (201, b"Made", b"made"))
        self.assertEqual(answer.all(b"X-Two"), [b"2", b"3"])
        self.assertEqual(answer.get(b"X-One"), b"1")
        self.assertEqual(answer.all(b"Set-Cookie"), [b"a=b; Path=/"])
        self.assertEqual(answer.get(b"Connection"), b"keep-alive")
        self.assertNotIn(b"mine", answer.all(b"Server"))
        self.assertEqual(foreign.seen["cookie"], b"d")

    def test_redirect(self) -> None:
        """request.redirect is 302 with its Location."""
        answer = self.get("redirect")
        self.assertEqual((answer.status, answer.get(b"Location")), (302, b"/elsewhere"))

    def test_cached(self) -> None:
        """SetETag and setLastModified answer conditions with 304."""
        answer = self.get("cached")
        self.assertEqual((answer.body, answer.get(b"ETag")), (b"fresh", b'"tag"'))
        self.assertEqual(answer.get(b"Last-Modified"), b"Tue, 14 Nov 2023 22:13:20 GMT")
        answer = self.get("cached", b"/", b'If-None-Match: "tag"')
        self.assertEqual((answer.status, answer.body), (304, b""))

    def test_session(self) -> None:
        """A session is found again by its cookie."""
        client = self.client("session")
        first = client.get()
        (cookie,) = first.all(b"Set-Cookie")
        self.assertEqual(client.get(b"/", b"Cookie: " + cookie.split(b";")[0]).body, b"2")
        self.assertEqual(client.get().body, b"1")

    def test_later(self) -> None:
        """NOT_DONE_YET leaves the answer open: pieces leave when they are written."""
        client = self.client("later")
        client.ask()
        asked = foreign.seen["request"]
        asked.write(b"one")
        self.assertTrue(client.received.endswith(b"3\r\none\r\n"))
        asked.write(b"two")
        self.assertEqual(foreign.seen["gone"], [])
        asked.finish()
        self.assertEqual((client.answer().body, foreign.seen["gone"]), (b"onetwo", [None]))
        client.ask()
        foreign.seen["request"].finish()
        self.assertEqual(client.answer().body, b"")

    def test_finished(self) -> None:
        """Writing or finishing after the end is the RuntimeError that Twisted has."""
        client = self.client("later")
        client.ask()
        asked = foreign.seen["request"]
        asked.finish()
        self.assertRaises(RuntimeError, asked.write, b"more")
        self.assertRaises(RuntimeError, asked.finish)
        self.assertEqual(client.answer().body, b"")

    def test_client_leaves(self) -> None:
        """NotifyFinish fails when the client leaves; writing is ignored, finish an error."""
        client = self.client("note_failure")
        client.ask()
        client.reset()
        asked = foreign.seen["request"]
        self.assertIn("failed", foreign.seen)
        asked.write(b"ignored")
        self.assertRaises(RuntimeError, asked.finish)
        self.assertIn('" 499 0 ', self.bench.lines()[0])

    def test_slow_client(self) -> None:
        """NotifyFinish is told when the client has taken all, and the next request waits."""
        client = self.client("later")
        client.stop_reading(10)
        client.send(request() + request())
        first = foreign.seen["request"]
        first.finish()
        self.assertEqual(foreign.seen["gone"], [])
        self.assertIs(foreign.seen["request"], first)
        client.read_on()
        self.assertIsNot(foreign.seen["request"], first)


class ProducerTests(SynchronousTestCase):
    def ask(self, name: str, room: int = 10) -> Client:
        self.bench = mounted(self, name)
        client = self.bench.client()
        client.stop_reading(room)
        client.ask()
        return client

    def test_push(self) -> None:
        """A push producer is paused and resumed as the client reads."""
        client = self.ask("push")
        source = foreign.seen["source"]
        source.request.write(b"x" * 100_000)
        self.assertEqual(source.told, ["pause"])
        client.read_on()
        self.assertEqual(source.told, ["pause", "resume"])
        source.request.unregisterProducer()
        source.request.finish()
        self.assertEqual(client.answer().body, b"x" * 100_000)

    def test_registered_late(self) -> None:
        """A producer that comes when the client has enough for now is paused at once."""
        self.bench = mounted(self, "later")
        client = self.bench.client()
        client.stop_reading()
        client.ask()
        asked = foreign.seen["request"]
        asked.write(b"x" * 100_000)
        source = foreign.Source(asked, [])
        asked.registerProducer(source, True)
        self.assertEqual(source.told, ["pause"])
        client.read_on()
        self.assertEqual(source.told, ["pause", "resume"])
        client.reset()

    def test_pull(self) -> None:
        """A pull producer is asked for as much as the client takes."""
        client = self.ask("pull")
        foreign.seen["source"].pieces[:] = [b"x" * 40_000] * 10
        self.bench.advance(0.1, step=0.001)
        self.assertLess(len(foreign.seen["source"].told), 5)
        self.assertLess(client.transport.pending, 200_000)
        client.read_on()
        self.bench.advance(0.1, step=0.001)
        self.assertEqual(client.answer().body, b"x" * 400_000)

    def test_client_leaves(self) -> None:
        """A producer is told to stop when the client leaves."""
        for name in ("push", "pull"):
            client = self.ask(name)
            client.reset()
            self.bench.advance(0.1, step=0.001)
            told = foreign.seen["source"].told
            self.assertEqual(told[-1], "stop")
            self.bench.advance(0.1, step=0.001)
            self.assertEqual(foreign.seen["source"].told, told)

    def test_not_unregistered(self) -> None:
        """A pull producer whose request is over is asked for nothing more."""
        client = self.ask("pull", room=100_000)
        self.bench.advance(0.003, step=0.001)
        source = foreign.seen["source"]
        source.request.finish()
        self.assertTrue(client.answer().complete)
        told = list(source.told)
        self.bench.advance(0.1, step=0.001)
        self.assertEqual(source.told, told)

    def test_too_much(self) -> None:
        """A producer of more than was promised is told to stop, and asked for nothing more."""
        client = self.ask("endless", room=100_000)
        self.bench.advance(0.1, step=0.001)
        self.assertEqual(client.ended, "closed")
        told = list(foreign.seen["source"].told)
        self.assertEqual(told[-1], "stop")
        self.bench.advance(0.1, step=0.001)
        self.assertEqual(foreign.seen["source"].told, told)


class TroubleTests(SynchronousTestCase):
    def ask(self, name: str) -> Client:
        self.bench = mounted(self, name)
        client = self.bench.client()
        client.ask()
        return client

    def test_raises(self) -> None:
        """What a resource raises is 500, a line in the error log, and nothing of it is shown."""
        client = self.ask("broken")
        answer = client.answer()
        self.assertEqual(answer.status, 500)
        self.assertNotIn(b"luck", answer.body)
        (line,) = self.bench.errors()
        self.assertIn("[crit]", line)
        self.assertIn("a resource failed: ValueError: no luck at ", line)
        self.assertIn("foreign.py:", line)
        self.assertEqual(client.ended, "")

    def test_raises_late(self) -> None:
        """What is raised after the answer has begun cuts it."""
        client = self.ask("broken_later")
        self.assertEqual((client.answers()[0].complete, client.ended), (False, "closed"))
        self.assertEqual(len(self.bench.errors()), 1)

    def test_wrong_length(self) -> None:
        """More or less than the promised length is a cut, told of: no byte reaches the next."""
        for name, size in (("too_long", 4), ("too_short", 2)):
            client = self.ask(name)
            self.assertEqual(client.ended, "closed")
            self.assertIn(f"{size} bytes where 3 were promised", self.bench.errors()[0])
            self.assertLessEqual(len(client.received.partition(b"\r\n\r\n")[2]), 3)

    def test_no_length(self) -> None:
        """A Content-Length that is no number is the resource's error: 500."""
        self.assertEqual(self.ask("bad_length").answer().status, 200)
        client = self.ask("later")
        asked = foreign.seen["request"]
        asked.setHeader(b"Content-Length", b"x")
        self.assertRaises(ValueError, asked.write, b"hello")
        client.reset()

    def test_no_bytes(self) -> None:
        """What is returned and is no bytes is 500, as in Twisted."""
        self.assertEqual(self.ask("no_bytes").answer().status, 500)


class LoadingTests(SynchronousTestCase):
    def assert_error(self, name: str, why: str) -> None:
        with self.assertRaises(ConfigurationError) as caught:
            serve(self, f"server {{ location / {{ twisted_resource {name}; }} }}")
        (found,) = caught.exception.diagnostics
        self.assertIn(why, found.message)
        self.assertIsNotNone(found.origin)

    def test_errors(self) -> None:
        """What can't be had, or is no resource, is an error with its place and its reason."""
        for name, why in (
            ("tests.content.foreign:nothing", "AttributeError"),
            ("tests.content.nowhere:x", "ModuleNotFoundError"),
            ("tests.content.foreign:Plain", "no twisted.web IResource"),
            ("tests.content.foreign:_path", "TypeError"),
            ("tests.content.foreign", "package.module:name"),
            ("a b:c", ""),
            ("os;x:y", ""),
        ):
            if why:
                self.assert_error(name, why)

    def test_callable(self) -> None:
        """A callable is called once, when the configuration is loaded."""
        made: list[Resource] = []

        def make() -> Resource:
            made.append(foreign.calling(lambda _request: b"made"))
            return made[-1]

        foreign.make = make  # type: ignore[attr-defined]
        self.addCleanup(delattr, foreign, "make")
        client = mounted(self, "make").client()
        self.assertEqual([client.get().body, client.get().body, len(made)], [b"made", b"made", 1])
