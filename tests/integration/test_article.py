"""The article's configuration in front of Apache and Django."""

from __future__ import annotations

import datetime
import gzip
import hashlib
import http.cookiejar
import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator

from tests.integration.apache import application
from tests.integration.article import INDEX, PICTURE, STYLE, front, watched
from tests.integration.client import APPLICATION, STATIC, Answer, ask
from tests.integration.components import IntegrationCase
from tests.integration.servers import until

MEBIBYTE = 1024 * 1024

#: nginx's "combined", which `access_log PATH;` without a format means.
COMBINED = re.compile(
    r'(?P<address>[\d.]+) - (?P<user>\S+) \[(?P<time>[^]]+)\] "(?P<request>[^"]*)" '
    r'(?P<status>\d{3}) (?P<bytes>\d+) "(?P<referer>[^"]*)" "(?P<agent>[^"]*)"'
)


class ForwardedFieldsTests(IntegrationCase):
    """What Django is told of a request."""

    needs = ("the proxy", "apache", "mod_wsgi", "django", "the article")

    def meta(self, *fields: tuple[str, str], target: str = "/echo/") -> dict[str, str]:
        answer = ask(front().port, target, fields=fields)
        self.assertEqual(answer.status, 200)
        meta: dict[str, str] = answer.json()["meta"]
        return meta

    def test_addresses(self) -> None:
        """Django sees the proxy as the peer, and the client in X-Real-IP and X-Forwarded-For."""
        meta = self.meta()
        self.assertEqual(meta["REMOTE_ADDR"], "127.0.0.1")
        self.assertEqual(meta["HTTP_X_REAL_IP"], "127.0.0.1")
        self.assertEqual(meta["HTTP_X_FORWARDED_FOR"], "127.0.0.1")

    def test_host(self) -> None:
        """The client's Host reaches Django, without the port and in lower case as $host is."""
        self.assertEqual(self.meta()["HTTP_HOST"], APPLICATION)
        answer = ask(front().port, "/echo/", host=f"Dev.TestProject.com:{front().port}")
        self.assertEqual(answer.json()["meta"]["HTTP_HOST"], APPLICATION)

    def test_forged_real_ip_is_replaced(self) -> None:
        """An X-Real-IP that the client made up doesn't reach Django, under either spelling."""
        meta = self.meta(("X-Real-IP", "203.0.113.9"), ("x-real-ip", "203.0.113.10"))
        self.assertEqual(meta["HTTP_X_REAL_IP"], "127.0.0.1")

    def test_forwarded_for_is_appended(self) -> None:
        """An X-Forwarded-For that the client sent stays, with the client's address after it."""
        meta = self.meta(("X-Forwarded-For", "203.0.113.9"))
        self.assertEqual(meta["HTTP_X_FORWARDED_FOR"], "203.0.113.9, 127.0.0.1")

    def test_other_fields_pass(self) -> None:
        """Fields that the configuration doesn't name arrive as they were sent."""
        meta = self.meta(("Accept-Language", "de"), ("X-Own", 'quoted "a, b"; c=1'))
        self.assertEqual(meta["HTTP_ACCEPT_LANGUAGE"], "de")
        self.assertEqual(meta["HTTP_X_OWN"], 'quoted "a, b"; c=1')

    def test_target(self) -> None:
        """Path and query arrive at Django, escapes and empty parameters included."""
        meta = self.meta(target="/echo/?a=1&b=%20%2F&c")
        self.assertEqual(meta["PATH_INFO"], "/echo/")
        self.assertEqual(meta["QUERY_STRING"], "a=1&b=%20%2F&c")

    def test_method(self) -> None:
        """A method that nobody registered reaches Django as it is."""
        answer = ask(front().port, "/echo/", method="PURGE")
        self.assertEqual(answer.json()["method"], "PURGE")


class AnswerTests(IntegrationCase):
    """What a client gets of Django's answers."""

    needs = ("the proxy", "apache", "mod_wsgi", "django", "the article")

    def test_status_and_fields(self) -> None:
        """Status, content type, a field of the application's and both its cookies arrive."""
        answer = ask(front().port, "/fields/")
        self.assertEqual((answer.status, answer.body), (418, b"teapot"))
        self.assertEqual(answer["Content-Type"], "text/x-pot")
        self.assertEqual(answer["X-Pot"], "brown")
        cookies = [value.split(";")[0] for value in answer.fields.get_all("Set-Cookie", [])]
        self.assertEqual(cookies, ["first=1", "second=2"])

    def test_head(self) -> None:
        """HEAD gives the fields of the page and no body."""
        answer = ask(front().port, "/page/", method="HEAD")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer["Content-Type"], "text/html; charset=utf-8")

    def test_stream(self) -> None:
        """An answer that Django makes piece by piece arrives whole."""
        answer = ask(front().port, "/stream/")
        expected = b"".join(b"piece %d\n" % number * 500 for number in range(10))
        self.assertEqual(answer.body, expected)

    def test_gzip_of_a_page(self) -> None:
        """A page of 100 kB is compressed for those who accept it, and is the same page."""
        plain = ask(front().port, "/page/")
        packed = ask(front().port, "/page/", fields=[("Accept-Encoding", "gzip")])
        self.assertIsNone(plain["Content-Encoding"])
        self.assertEqual(packed["Content-Encoding"], "gzip")
        self.assertEqual(packed["Vary"], "Accept-Encoding")
        self.assertGreater(len(plain.body), 100_000)
        self.assertLess(len(packed.body), len(plain.body) / 5)
        self.assertEqual(gzip.decompress(packed.body), plain.body)

    def test_gzip_for_another_proxy(self) -> None:
        """`gzip_proxied any`: what comes through another proxy (Via) is served compressed too."""
        fields = [("Accept-Encoding", "gzip"), ("Via", "1.0 elsewhere")]
        packed = ask(front().port, "/page/", fields=fields)
        self.assertEqual(packed["Content-Encoding"], "gzip")

    def test_login(self) -> None:
        """Logging in to Django works through the proxy: CSRF token, session, redirect."""
        jar = http.cookiejar.CookieJar()
        browser = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar)
        )
        url = f"http://127.0.0.1:{front().port}/account/"
        host = {"Host": APPLICATION}
        with browser.open(urllib.request.Request(url, headers=host)) as form:
            self.assertIn("/login/?next=/account/", form.url)
            text, url = form.read().decode(), form.url
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)
        assert token is not None
        answers = {"username": "ada", "password": "engine", "csrfmiddlewaretoken": token[1]}
        data = urllib.parse.urlencode(answers).encode()
        with browser.open(urllib.request.Request(url, data, headers=host)) as page:
            self.assertTrue(page.url.endswith("/account/"), page.url)
            self.assertEqual(json.load(page), {"user": "ada"})
        self.assertEqual({cookie.name for cookie in jar}, {"csrftoken", "sessionid"})

    def test_login_without_token(self) -> None:
        """Django's refusal of a forged login passes through as Django's 403."""
        answer = ask(front().port, "/login/", method="POST", body=b"username=ada&password=engine")
        self.assertEqual(answer.status, 403)
        self.assertIn(b"CSRF", answer.body)


class UploadTests(IntegrationCase):
    """Bodies on their way to Django."""

    needs = ("the proxy", "apache", "mod_wsgi", "django", "the article")

    def upload(self, port: int, body: bytes, name: str) -> Answer:
        return ask(port, f"/upload/?{name}", method="POST", body=body)

    def test_ten_megabytes(self) -> None:
        """An upload of exactly `client_max_body_size` arrives whole."""
        body = bytes(range(256)) * (10 * MEBIBYTE // 256)
        answer = self.upload(front().port, body, "ten")
        self.assertEqual(answer.status, 200)
        digest = hashlib.sha256(body).hexdigest()
        self.assertEqual((answer.json()["size"], answer.json()["sha256"]), (len(body), digest))

    def test_one_byte_too_many(self) -> None:
        """One byte more is a 413, and the application is not even called."""
        proxy, relay = watched()
        before = len(relay.opened)
        answer = self.upload(proxy.port, bytes(10 * MEBIBYTE + 1), "too-big")
        self.assertEqual(answer.status, 413)
        self.assertEqual(len(relay.opened), before)
        self.assertNotIn("POST /upload/?too-big", application().requests())

    def test_too_big_is_refused_before_it_is_sent(self) -> None:
        """413 comes on the declared length alone: no byte of the body has to be sent."""
        answer = ask(front().port, "/upload/", method="POST", body=[], length=10 * MEBIBYTE + 1)
        self.assertEqual(answer.status, 413)

    def test_chunked(self) -> None:
        """A chunked upload is decoded and arrives whole."""
        body = b"7\r\nchunks \r\n4;x=y\r\nhere\r\n0\r\n\r\n"
        fields = [("Transfer-Encoding", "chunked")]
        answer = ask(front().port, "/upload/", method="POST", fields=fields, body=iter([body]))
        digest = hashlib.sha256(b"chunks here").hexdigest()
        self.assertEqual((answer.json()["size"], answer.json()["sha256"]), (11, digest))

    def test_empty(self) -> None:
        """A POST with an empty body is a POST with an empty body."""
        answer = self.upload(front().port, b"", "empty")
        self.assertEqual(answer.json()["size"], 0)

    def test_dripped(self) -> None:
        """While a slow client takes 5 s to upload, no application process is held by it."""
        proxy, relay = watched()
        part = b"drip" * 64 * 1024  # 256 kB: twice client_body_buffer_size from the first on
        before = len(relay.opened), len(relay.first_bytes)
        sent: list[float] = []

        def parts() -> Iterator[bytes]:
            for number in range(11):
                if number:
                    time.sleep(0.5)  # the slowness that this test is about
                sent.append(time.monotonic())
                yield part

        size = len(part) * 11
        answer = ask(proxy.port, "/upload/?drip", method="POST", body=parts(), length=size)
        digest = hashlib.sha256(part * 11).hexdigest()
        self.assertEqual((answer.json()["size"], answer.json()["sha256"]), (size, digest))
        self.assertGreaterEqual(sent[-1] - sent[0], 5.0)
        opened, first_bytes = relay.opened[before[0] :], relay.first_bytes[before[1] :]
        self.assertEqual((len(opened), len(first_bytes)), (1, 1))
        self.assertGreater(opened[0], sent[-1])
        self.assertGreater(first_bytes[0], sent[-1])


class StaticTests(IntegrationCase):
    """The article's first server: files."""

    needs = ("the proxy", "apache", "mod_wsgi", "django", "the article")

    def get(self, target: str, *fields: tuple[str, str]) -> Answer:
        return ask(front().port, target, host=STATIC, fields=fields)

    def test_index(self) -> None:
        """`/` is index.html, with its type, length and validators."""
        answer = self.get("/")
        self.assertEqual((answer.status, answer.body), (200, INDEX))
        self.assertEqual(answer["Content-Type"], "text/html")
        self.assertEqual(answer["Content-Length"], str(len(INDEX)))
        self.assertIsNotNone(answer["ETag"])
        self.assertIsNotNone(answer["Last-Modified"])

    def test_bytes(self) -> None:
        """A file arrives byte for byte."""
        answer = self.get("/picture.png")
        self.assertEqual(answer["Content-Type"], "image/png")
        self.assertEqual(answer.body, PICTURE)

    def test_range(self) -> None:
        """A range of a file is that range."""
        answer = self.get("/picture.png", ("Range", "bytes=1000-1999"))
        self.assertEqual(answer.status, 206)
        self.assertEqual(answer["Content-Range"], f"bytes 1000-1999/{len(PICTURE)}")
        self.assertEqual(answer.body, PICTURE[1000:2000])

    def test_not_modified(self) -> None:
        """A client that has the file already gets a 304 for its date and for its tag."""
        first = self.get("/picture.png")
        for asked, told in (("If-Modified-Since", "Last-Modified"), ("If-None-Match", "ETag")):
            answer = self.get("/picture.png", (asked, str(first[told])))
            self.assertEqual((answer.status, answer.body), (304, b""), asked)

    def test_gzip(self) -> None:
        """A style sheet is compressed for those who accept it, a picture is not."""
        accept = ("Accept-Encoding", "gzip")
        packed = self.get("/style.css", accept)
        self.assertEqual(packed["Content-Encoding"], "gzip")
        self.assertEqual(gzip.decompress(packed.body), STYLE)
        self.assertIsNone(self.get("/picture.png", accept)["Content-Encoding"])

    def test_gzip_disable(self) -> None:
        """The old browser that `gzip_disable` names gets the file as it is."""
        agent = ("User-Agent", "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)")
        answer = self.get("/style.css", ("Accept-Encoding", "gzip"), agent)
        self.assertIsNone(answer["Content-Encoding"])
        self.assertEqual(answer.body, STYLE)

    def test_missing(self) -> None:
        """What isn't there is a 404, and outside of the root nothing is there."""
        for target in (
            "/nothing.html",
            "/%2e%2e/etc/nginx/nginx.conf",
            "/..%2fetc/nginx/nginx.conf",
        ):
            self.assertIn(self.get(target).status, (400, 404), target)

    def test_unknown_host(self) -> None:
        """A name that no server has gets the first server read, which is localhost."""
        answer = ask(front().port, "/", host="unknown.example")
        self.assertEqual((answer.status, answer.body), (200, INDEX))

    def test_server_tokens(self) -> None:
        """`server_tokens off`: the version isn't told."""
        self.assertNotRegex(self.get("/")["Server"] or "", r"\d")


class AccessLogTests(IntegrationCase):
    """What the log says."""

    needs = ("the proxy", "apache", "mod_wsgi", "django", "the article")

    def logged(self, marker: str) -> list[str]:
        lines = front().access_log.read_text().splitlines()
        return [line for line in lines if marker in line]

    def test_line(self) -> None:
        """A request of the first server is one line of the combined format, with its facts."""
        fields = [("Referer", "http://from.example/"), ("User-Agent", "agent/1.0 (a; b)")]
        ask(front().port, "/picture.png?log-line", host=STATIC, fields=fields)
        until(lambda: self.logged("?log-line"), "the line in the access log", 5)
        (line,) = self.logged("?log-line")
        match = COMBINED.fullmatch(line)
        assert match is not None, line
        moment = datetime.datetime.strptime(match["time"], "%d/%b/%Y:%H:%M:%S %z")
        self.assertLess(abs(time.time() - moment.timestamp()), 30)
        facts = {name: value for name, value in match.groupdict().items() if name != "time"}
        expected = {
            "address": "127.0.0.1",
            "user": "-",
            "request": "GET /picture.png?log-line HTTP/1.1",
            "status": "200",
            "bytes": str(len(PICTURE)),
            "referer": "http://from.example/",
            "agent": "agent/1.0 (a; b)",
        }
        self.assertEqual(facts, expected)

    def test_hostile_agent(self) -> None:
        """Quotes and escapes that a client sends can't forge a field or a line."""
        agent = ("User-Agent", 'x" 200 1 "\\ \x1b[1m'.replace("\x1b", "\xe9"))
        ask(front().port, "/?log-hostile", host=STATIC, fields=[agent])
        until(lambda: self.logged("?log-hostile"), "the line in the access log", 5)
        (line,) = self.logged("?log-hostile")
        match = COMBINED.fullmatch(line)
        assert match is not None, line
        self.assertEqual(match["agent"], r"x\x22 200 1 \x22\x5C \xE9[1m")

    def test_off(self) -> None:
        """`access_log off` in the second server: its requests are not logged."""
        ask(front().port, "/echo/?log-off")
        ask(front().port, "/?log-after", host=STATIC)
        until(lambda: self.logged("?log-after"), "the later line in the access log", 5)
        self.assertEqual(self.logged("?log-off"), [])

    def test_every_line(self) -> None:
        """After all kinds of requests, each line of the log has the format."""
        for target in ("/", "/nothing", "/%20?log-kinds"):
            ask(front().port, target, host=STATIC)
        until(lambda: self.logged("?log-kinds"), "the last line in the access log", 5)
        for line in front().access_log.read_text().splitlines():
            self.assertIsNotNone(COMBINED.fullmatch(line), line)
