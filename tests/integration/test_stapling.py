"""OCSP responses in handshakes: openssl s_client sees them, and nginx is beside it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from tests.authorities import GOOD, REVOKED, UNKNOWN, Certificate
from tests.certificates import authority, pair, write, write_pair
from tests.integration.components import program
from tests.integration.responder import Responder
from tests.integration.servers import answers, free_port, until
from tests.integration.test_tls import TLSCase, serial

CONFIGURATION = """\
%(first)s
error_log %(home)s/error.log info;
pid %(pid)s;
events { worker_connections 256; }
http {
    access_log off;
    ssl_stapling on;
    server {
        listen 127.0.0.1:%(port)d ssl;
        server_name example.org;
        ssl_certificate %(home)s/one.pem;
        ssl_certificate_key %(home)s/one-key.pem;
        ssl_certificate %(home)s/rsa.pem;
        ssl_certificate_key %(home)s/rsa-key.pem;
        location / { return 200 "$pid ."; }
    }
    server {
        listen 127.0.0.1:%(port)d ssl;
        server_name clients.test;
        ssl_certificate %(home)s/one.pem;
        ssl_certificate_key %(home)s/one-key.pem;
        ssl_verify_client optional;
        ssl_client_certificate %(home)s/ca.pem;
        ssl_ocsp on;
        ssl_ocsp_cache shared:ocsp:1m;
        location = /pid { return 200 "$pid"; }
        error_page 495 =403 /refused;
        location / { return 200 "$ssl_client_verify"; }
    }
}
"""
STAPLED = "OCSP Response Status: successful"
NOTHING = "OCSP response: no response sent"


class StaplingTests(TLSCase):
    """Two workers with certificates that name a responder on loopback."""

    needs = (*TLSCase.needs, "nginx")

    def setUp(self) -> None:
        super().setUp()
        self.responder = Responder(self.good)
        self.addCleanup(self.responder.stop)
        self.clients: dict[str, Certificate] = {}
        self.names(self.responder.url)

    def names(self, url: str) -> None:
        """Let both certificates name a responder."""
        self.ec = pair("example.org", "ec", responder=url)
        self.rsa = pair("example.org", "rsa", responder=url)
        write_pair(str(self.prefix), "one", self.ec, authority())
        write_pair(str(self.prefix), "rsa", self.rsa, authority())

    def write_configuration(self, path: Path, pid: Path, port: int, first: str) -> None:
        names = {"home": path.parent, "pid": pid, "port": port, "first": first}
        path.write_text(CONFIGURATION % names)

    def asked_about(self, number: int) -> Certificate:
        """The certificate with a number."""
        every = (self.ec, self.rsa, *self.clients.values())
        return next(one for one in every if one.certificate.serial_number == number)

    def good(self, number: int) -> bytes:
        """The authority's word that a certificate is good."""
        return authority().word(self.asked_about(number))

    def stapled(self, *options: str, port: int = 0) -> str:
        """What openssl says of the response."""
        return self.s_client("-status", *options, port=port)

    def until_stapled(self, *options: str, port: int) -> str:
        """What openssl says once there is a response: one worker may have it before the other."""
        said: list[str] = []

        def is_there() -> bool:
            said[:] = [self.stapled(*options, port=port)]
            return STAPLED in said[0]

        until(is_there, "a response")
        return said[0]

    def by_both(self) -> list[str]:
        """What is said by as many handshakes as it takes to meet each worker."""
        said: dict[str, str] = {}
        for _ in range(100):
            found = self.stapled()
            said[found.rpartition("\r\n\r\n")[2].split()[0]] = found
            if len(said) == 2:
                return list(said.values())
        raise AssertionError("the other worker was never asked")

    def test_fetched(self) -> None:
        """Each worker has the word for each certificate, and still after a reload."""
        self.start()
        until(lambda: len(self.responder.asked) == 4, "two workers that ask for two certificates")
        numbers = {one.certificate.serial_number for one in (self.ec, self.rsa)}
        self.assertEqual(set(self.responder.asked), numbers)
        until(lambda: all(STAPLED in one for one in self.by_both()), "responses in both")
        for said in self.by_both():
            self.assertIn(STAPLED, said)
            self.assertIn("Cert Status: good", said)
            self.assertIn("Verify return code: 0 (ok)", said)
        for kind, made in (("ECDSA", self.ec), ("RSA", self.rsa)):
            options = ("-tls1_2", "-cipher", f"ECDHE-{kind}-AES128-GCM-SHA256")
            said = self.until_stapled(*options, port=self.port)
            number = said.partition("Serial Number: ")[2].split()[0]
            self.assertEqual(int(number, 16), made.certificate.serial_number)
        self.responder.stop()
        text = self.configuration.read_text()
        self.configuration.write_text(text.replace('"$pid ."', '"$pid again"'))
        os.kill(self.daemon(), signal.SIGHUP)
        until(lambda: all("again" in one for one in self.by_both()), "the reload")
        for said in self.by_both():
            self.assertIn(STAPLED, said)

    def test_worthless(self) -> None:
        """What says revoked, has expired or is forged is not sent, and the log says why."""
        # By its name, which /etc/hosts has.
        self.names(self.responder.url.replace("127.0.0.1", "localhost"))
        for says, why in (
            (lambda number: authority().word(self.asked_about(number), REVOKED), '"revoked"'),
            (lambda number: authority().word(self.asked_about(number), end=-1), "has expired"),
            (
                lambda number: authority("Other CA").word(self.asked_about(number)),
                "signed by somebody else than the issuer",
            ),
            (
                lambda number: authority().word(self.asked_about(number), signer=pair("a.test")),
                "signed by who has no right to",
            ),
        ):
            self.responder.says = says
            self.start()
            until(lambda why=why: self.error_log_text().count(why) == 4, why)  # type: ignore[misc]
            self.assertIn(NOTHING, self.stapled())
            os.kill(self.daemon(), signal.SIGTERM)
            until(lambda: not answers(self.port), "the end")

    def test_hanging(self) -> None:
        """Handshakes go on while a responder hangs, and while none is there."""
        self.responder.says = lambda _number: None
        self.start()
        until(lambda: len(self.responder.asked) == 4, "the questions")
        for said in self.by_both():
            self.assertIn(NOTHING, said)
        self.assertNotIn("no OCSP response", self.error_log_text())
        self.responder.stop()
        until(lambda: self.error_log_text().count("no OCSP response") == 4, "the complaints")
        self.assertIn(NOTHING, self.stapled())

    def test_openssl(self) -> None:
        """The responder that openssl has is understood, and understands."""
        port = free_port()
        self.names(f"http://127.0.0.1:{port}")
        home = self.prefix
        write(str(home), **{"ca-key": authority().key})
        index = "".join(
            f"V\t351231235959Z\t\t{serial(one)}\tunknown\t/CN={place}\n"
            for place, one in enumerate((self.ec, self.rsa))
        )
        (home / "index.txt").write_text(index)
        command = ["openssl", "ocsp", "-port", str(port), "-index", "index.txt", "-CA", "ca.pem"]
        command += ["-rsigner", "ca.pem", "-rkey", "ca-key.pem", "-nmin", "60"]
        said = home / "said"
        with said.open("wb") as output:
            server = subprocess.Popen(command, cwd=home, stdout=output, stderr=output)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        # It must not be tried: a connection without a request stops it for good.
        until(lambda: "waiting for OCSP client" in said.read_text(), "openssl")
        self.start()
        until(lambda: all("Cert Status: good" in one for one in self.by_both()), "the words")

    def test_clients(self) -> None:
        """Clients whose certificates were taken back are refused, in nginx's words."""
        nginx = program("nginx")
        assert nginx is not None
        for name in ("good", "revoked", "unknown", "forged"):
            made = self.clients[name] = pair(f"A {name} client", responder=self.responder.url)
            write_pair(str(self.prefix), name, made)
        words = {"revoked": REVOKED, "unknown": UNKNOWN}
        names = {one.certificate.serial_number: name for name, one in self.clients.items()}

        def says(number: int) -> bytes:
            name = names.get(number, "")
            by = authority("Other CA") if name == "forged" else authority()
            return by.word(self.asked_about(number), words.get(name, GOOD))

        self.responder.says = says
        self.start()
        other = self.start_nginx(nginx)
        for name, verdict in (
            ("good", "SUCCESS 200"),
            ("revoked", "FAILED:certificate revoked 403"),
            ("unknown", "FAILED:certificate status unknown 403"),
            ("forged", "FAILED:certificate status request failed 403"),
            ("", "NONE 200"),
        ):
            options = ["-k", *(self.with_pair(name) if name else ())]
            for port in (self.port, other):
                said = self.curl("https://HOST/", *options, host="clients.test", port=port)
                self.assertEqual(said.strip(), verdict)

    def test_clients_known(self) -> None:
        """What one worker was told about a client the other need not ask."""
        made = self.clients["good"] = pair("A good client", responder=self.responder.url)
        write_pair(str(self.prefix), "good", made)
        self.start()
        pids: set[str] = set()
        for _ in range(60):
            said = self.curl("https://HOST/pid", "-k", *self.with_pair("good"), host="clients.test")
            self.assertTrue(said.endswith(" 200 "), said)
            pids.add(said.split()[0])
            if len(pids) == 2:
                break
        self.assertEqual(len(pids), 2)
        self.assertEqual(self.responder.asked.count(made.certificate.serial_number), 1)

    def test_beside_nginx(self) -> None:
        """Nginx sends the same bytes, and as we, nothing where the word is no good one."""
        nginx = program("nginx")
        assert nginx is not None
        words: dict[int, bytes] = {}
        self.responder.says = lambda number: words.setdefault(number, self.good(number))
        self.start()
        other = self.start_nginx(nginx)
        for kind in ("ECDSA", "RSA"):
            options = ("-tls1_2", "-cipher", f"ECDHE-{kind}-AES128-GCM-SHA256")
            # Nginx asks when a client does.
            said = [
                _response(self.until_stapled(*options, port=port)) for port in (self.port, other)
            ]
            self.assertEqual(said[0], said[1])


def _response(said: str) -> str:
    """The part of openssl's words that is about the response."""
    begin = said.index("OCSP Response Data")
    return said[begin : said.index("======", begin)]
