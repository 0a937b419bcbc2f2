"""TLS with real clients: curl and openssl s_client, two workers, and nginx beside it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest

from reverseproxy.tls import sessions
from tests.authorities import Certificate
from tests.certificates import authority, pair, write, write_pair
from tests.integration.components import program
from tests.integration.servers import Server, answers, directory, free_port, until
from tests.integration.test_command import CommandCase

VALUES = (
    "$ssl_protocol|$ssl_cipher|$ssl_server_name|$ssl_session_reused|$ssl_client_verify|"
    "$ssl_client_s_dn|$ssl_client_i_dn|$ssl_client_s_dn_legacy|$ssl_client_serial|"
    "$ssl_client_fingerprint|$ssl_client_v_start|$ssl_client_v_end|$ssl_client_v_remain|"
    "$ssl_client_escaped_cert|$ssl_early_data|$scheme|$https|$ssl_ciphers|$ssl_curves|$session"
)
#: What nginx and this daemon are asked the same with; `%(…)s` are a home and two ports.
CONFIGURATION = """\
%(first)s
error_log %(home)s/error.log info;
pid %(pid)s;
events { worker_connections 256; }
http {
    access_log off;
    map $ssl_session_id $session { "" none; ~^[0-9a-f]+$ some; default "odd: $ssl_session_id"; }
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:all:1m;
    ssl_certificate %(home)s/one.pem;
    ssl_certificate_key %(home)s/one-key.pem;
    server {
        listen 127.0.0.1:%(port)d ssl;
        server_name example.org;
        ssl_stapling on;
        ssl_stapling_file %(home)s/ocsp.pem;
        location = /pid { return 200 "$pid $ssl_session_reused"; }
        location = /redirect { return 301 /x; }
        location / { return 200 "VALUES"; }
        error_page 497 =301 https://$host:$server_port$request_uri;
    }
    server {
        listen 127.0.0.1:%(port)d ssl;
        server_name clients.test;
        ssl_verify_client on;
        ssl_client_certificate %(home)s/ca.pem;
        location / { return 200 "VALUES"; }
    }
    server {
        listen 127.0.0.1:%(port)d ssl;
        server_name optional.test;
        ssl_verify_client optional_no_ca;
        ssl_client_certificate %(home)s/ca.pem;
        location / { return 200 "VALUES"; }
    }
    server {
        listen 127.0.0.1:%(port)d ssl;
        server_name refused.test;
        ssl_reject_handshake on;
    }
}
""".replace("VALUES", VALUES)


class TLSCase(CommandCase):
    """A daemon with two workers."""

    def setUp(self) -> None:
        super().setUp()
        home = str(self.prefix)
        write_pair(home, "one", pair("example.org"), authority())
        for name, issuer in (("client", "Test CA"), ("stranger", "Other CA")):
            write_pair(home, name, pair(name, "ec", issuer))
        write(home, ca=authority().pem, ocsp=authority().word(pair("example.org")))
        # The workers have no right to it.
        os.chmod(self.prefix / "one-key.pem", 0o600)

    def write_configuration(self, path: Path, pid: Path, port: int, first: str) -> None:
        """The configuration, for one of the two."""
        names = {"home": path.parent, "pid": pid, "port": port, "first": first}
        path.write_text(CONFIGURATION % names)

    def start(self) -> None:
        """Start the daemon."""
        self.pid_file.parent.mkdir(exist_ok=True)
        user = "user nobody nogroup;" if os.geteuid() == 0 else ""
        self.write_configuration(
            self.configuration, self.pid_file, self.port, f"{user} worker_processes 2;"
        )
        status, said = self.run_command()
        self.assertEqual((status, said), (0, ""))
        until(lambda: answers(self.port), "the daemon")

    def error_log_text(self) -> str:
        """The error log."""
        return (self.prefix / "error.log").read_text()

    def start_nginx(self, nginx: str) -> int:
        """Start nginx with the same configuration; its port."""
        home, port = directory("nginx-tls"), free_port()
        for file in self.prefix.glob("*.pem"):
            shutil.copy(file, home)
        path = home / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        self.write_configuration(path, home / "pid", port, f"daemon off; {user}")
        server = Server([nginx, "-p", str(home), "-c", str(path)], port, home)
        self.addCleanup(server.stop)
        until(lambda: answers(port), "nginx")
        return port

    def curl(self, target: str, *options: str, host: str = "example.org", port: int = 0) -> str:
        """What curl says of a URL: the body, then the status and where it is redirected to."""
        port = port or self.port
        command = ["curl", "-sS", "--cacert", str(self.prefix / "ca.pem"), "--max-time", "10"]
        command += ["--resolve", f"{host}:{port}:127.0.0.1", "-w", " %{http_code} %{redirect_url}"]
        done = subprocess.run(
            [*command, *options, target.replace("HOST", f"{host}:{port}")],
            capture_output=True,
            text=True,
            timeout=20,
        )
        return done.stdout + done.stderr

    def with_pair(self, name: str) -> tuple[str, ...]:
        """Curl's options for a client's certificate."""
        home = self.prefix
        return ("--cert", str(home / f"{name}.pem"), "--key", str(home / f"{name}-key.pem"))

    def s_client(self, *options: str, path: str = "/", port: int = 0) -> str:
        """What openssl s_client says of a request."""
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port or self.port}"]
        command += ["-servername", "example.org", "-CAfile", str(self.prefix / "ca.pem")]
        done = subprocess.run(
            [*command, "-ign_eof", *options],
            input=f"GET {path} HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n".encode(),
            capture_output=True,
            timeout=20,
        )
        return (done.stdout + done.stderr).decode("latin-1")


class ClientTests(TLSCase):
    """Real clients."""

    def test_curl(self) -> None:
        """Curl trusts what it is shown, shows its certificate, and is told if that is no good."""
        self.start()
        said = self.curl("https://HOST/redirect")
        self.assertTrue(said.endswith(f" 301 https://example.org:{self.port}/x"), said)
        said = self.curl("https://HOST/", *self.with_pair("client"), host="clients.test", port=0)
        # The certificate is for another name: curl minds, and says so.
        self.assertIn("SSL", said)
        for name, status in (("client", " 200 "), ("stranger", " 400 ")):
            said = self.curl("https://HOST/", "-k", *self.with_pair(name), host="clients.test")
            self.assertTrue(said.endswith(status), said)
        said = self.curl("https://HOST/", "-k", host="clients.test")
        self.assertTrue(said.endswith(" 400 "), said)
        self.assertIn("unrecognized name", self.curl("https://HOST/", host="refused.test"))
        said = self.curl("http://HOST/a?b")
        self.assertTrue(said.endswith(f" 301 https://example.org:{self.port}/a?b"), said)

    def test_s_client(self) -> None:
        """Openssl gets the stapled response, and no version before TLS 1.2."""
        self.start()
        said = self.s_client("-status")
        self.assertIn("OCSP Response Status: successful", said)
        self.assertIn("Verify return code: 0 (ok)", said)
        self.assertIn("HTTP/1.1 200 OK", said)
        for version, taken in (("-tls1_3", 1), ("-tls1_2", 1), ("-tls1_1", 0), ("-tls1", 0)):
            said = self.s_client(version, "-cipher", "ALL:@SECLEVEL=0")
            self.assertEqual("HTTP/1.1 200 OK" in said, bool(taken), version)

    def test_other_worker(self) -> None:
        """A session that began with one worker is resumed by the other, also after a reload."""
        self.start()
        for version in ("-tls1_3", "-tls1_2"):
            session = str(self.prefix / f"session{version}")
            first = _last(self.s_client(version, "-sess_out", session, path="/pid"))
            self.assertEqual(first[1], ".")
            self._resumed_elsewhere(version, session=session, pid=first[0])
        os.kill(self.daemon(), signal.SIGHUP)
        self._resumed_elsewhere("-tls1_2", session=session, pid=first[0])

    def test_without_tickets(self) -> None:
        """Clients without tickets resume with the other worker too, where OpenSSL is the system's.

        With an OpenSSL of cryptography's own they do with the same one.
        """
        self.start()
        session = str(self.prefix / "session")
        options = ("-tls1_2", "-no_ticket")
        pid, reused = _last(self.s_client(*options, "-sess_out", session, path="/pid"))
        self.assertEqual(reused, ".")
        if sessions.can_share():
            self._resumed_elsewhere(*options, session=session, pid=pid)
            os.kill(self.daemon(), signal.SIGHUP)
            until(lambda: "reconfigured" in self.error_log_text(), "the reload")
            self._resumed_elsewhere(*options, session=session, pid=pid)
            return
        for _ in range(60):
            found = _last(self.s_client(*options, "-sess_in", session, path="/pid"))
            self.assertEqual(found[1], "r" if found[0] == pid else ".")

    def _resumed_elsewhere(self, *options: str, session: str, pid: str) -> None:
        for _ in range(60):
            found = _last(self.s_client(*options, "-sess_in", session, path="/pid"))
            self.assertEqual(found[1], "r")
            if found[0] != pid:
                return
        raise AssertionError("the other worker was never asked")

    def test_reload(self) -> None:
        """A renewed certificate is taken on reload; one without its key changes nothing."""
        self.start()
        home = str(self.prefix)
        renewed = pair("example.org", "ec", "Test CA", 60)
        write(home, one=renewed.pem + authority().pem)
        os.kill(self.daemon(), signal.SIGHUP)
        until(lambda: "does not belong to" in self.error_log_text(), "the complaint")
        self.assertEqual(self._shown(), serial(pair("example.org")))
        write_pair(home, "one", renewed, authority())
        os.kill(self.daemon(), signal.SIGHUP)
        until(lambda: self._shown() == serial(renewed), "the renewed certificate")
        self.assertTrue(self.curl("https://HOST/redirect").endswith("/x"))

    def _shown(self) -> str:
        """The serial number of the certificate that is shown."""
        said = self.s_client()
        begin, end = said.index("-----BEGIN"), said.index("-----END CERTIFICATE-----") + 25
        done = subprocess.run(
            ["openssl", "x509", "-noout", "-serial"],
            input=said[begin:end],
            capture_output=True,
            text=True,
        )
        return done.stdout.strip().partition("=")[2]


class BesideNginxTests(TLSCase):
    """The same configuration for nginx, the same clients, the same answers."""

    def test_same(self) -> None:
        """Every variable has nginx's value, and every refusal nginx's status."""
        nginx = program("nginx")
        if nginx is None:
            raise SkipTest("there is no nginx")
        self.start()
        other = self.start_nginx(nginx)
        mine, versions = self.port, (("--tls-max", "1.2"), ())
        for host in ("example.org", "clients.test", "optional.test", "refused.test", "other.test"):
            for name in ("", "client", "stranger"):
                for version in versions:
                    options = ["-k", *version, *(self.with_pair(name) if name else ())]
                    said = [
                        self.curl("https://HOST/", *options, host=host, port=port)
                        for port in (mine, other)
                    ]
                    if " 400 " in said[1]:
                        # The pages of errors are each server's own.
                        said = [one[-5:] for one in said]
                    said = [one.replace(str(other), str(mine)) for one in said]
                    self.assertEqual(said[0], said[1], (host, name, version))
        misdirected = ["-k", "-H", "Host: clients.test", *self.with_pair("client")]
        for target in ("https://HOST/", "https://HOST/redirect"):
            said = [self.curl(target, *misdirected, port=port)[-5:] for port in (mine, other)]
            self.assertEqual(said, [" 421 ", " 421 "])
        plain = [self.curl("http://HOST/a?b", port=port) for port in (mine, other)]
        self.assertEqual(plain[0][-20:], plain[1].replace(str(other), str(mine))[-20:])


def serial(made: Certificate) -> str:
    """The number of a certificate as openssl writes it."""
    text = f"{made.certificate.serial_number:X}"
    return text.rjust(len(text) + len(text) % 2, "0")


def _last(said: str) -> list[str]:
    """The number of a process and whether it resumed a session."""
    found = re.search(r"\r\n\r\n([0-9]+) ([r.])", said)
    if found is None:
        raise AssertionError(said)
    return [found[1], found[2]]
