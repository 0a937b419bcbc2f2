"""The configuration of docs/tls.md as it is printed there, seen by testssl.sh and by a browser."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from tests.certificates import authority, pair, write, write_pair
from tests.integration.servers import answers, free_port, until
from tests.integration.test_command import CommandCase

DOCUMENT = Path(__file__).parents[2] / "docs" / "tls.md"
#: What testssl.sh says below "ok" that is not the configuration's doing.
EXCUSED = {
    "cert_revocation": "the authority that tests make has no revocation lists",
    "sessionresumption_ticket": "its client may leave before the ticket comes (3.0.8, TLSv1.3)",
}


class DocumentedTests(CommandCase):
    """What administrators copy."""

    needs = (*CommandCase.needs, "testssl", "chromium", "certutil")

    def setUp(self) -> None:
        super().setUp()
        home = self.prefix
        write_pair(str(home), "one", pair("example.org"), authority())
        write(str(home), ca=authority().pem)
        plain, backend = free_port(), free_port()
        block = re.search(r"```nginx\n(server \{.*?)```", DOCUMENT.read_text(), re.DOTALL)
        assert block is not None
        text = block[1]
        for printed, here in (
            (r"listen \[::\]:.*\n", ""),
            (r"listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl"),
            (r"listen 80 ", f"listen 127.0.0.1:{plain} "),
            (r"/etc/letsencrypt/live/example.org/fullchain.pem", f"{home}/one.pem"),
            (r"/etc/letsencrypt/live/example.org/privkey.pem", f"{home}/one-key.pem"),
            (r"127.0.0.1:8080", f"127.0.0.1:{backend}"),
        ):
            text, count = re.subn(printed, here, text)
            self.assertGreater(count, 0, printed)
        page = f'server {{ listen 127.0.0.1:{backend}; return 200 "it is here"; }}'
        self.pid_file.parent.mkdir(exist_ok=True)
        self.configuration.write_text(
            f"pid {self.pid_file};\nerror_log {home}/error.log info;\nevents {{}}\n"
            f"http {{ access_log off; default_type text/html; {page}\n{text} }}\n"
        )
        self.assertEqual(self.run_command(), (0, ""))
        until(lambda: answers(self.port), "the daemon")

    def test_rated(self) -> None:
        """testssl.sh rates nothing below "ok"."""
        command = ["testssl", "--quiet", "--color", "0", "--warnings", "off", "-n", "none"]
        command += ["--ip", "127.0.0.1", "--add-ca", str(self.prefix / "ca.pem")]
        command += ["--jsonfile", str(self.prefix / "rated.json"), f"example.org:{self.port}"]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=600)
        found = json.loads((self.prefix / "rated.json").read_text())
        # It got to its end.
        self.assertGreater(len(found), 100)
        bad = [one for one in found if one["severity"] not in ("OK", "INFO", "DEBUG")]
        self.assertEqual([one for one in bad if one["id"] not in EXCUSED], [])

    def test_browser(self) -> None:
        """A browser that has the authority shows the page; one that has not refuses."""
        for known in (True, False):
            home = self.prefix / f"home-{known}"
            store = home / ".pki" / "nssdb"
            store.mkdir(parents=True)
            database = ["certutil", "-d", f"sql:{store}"]
            subprocess.run([*database, "-N", "--empty-password"], check=True)
            if known:
                authority_file = str(self.prefix / "ca.pem")
                add = ["-A", "-t", "C,,", "-n", "tests", "-i", authority_file]
                subprocess.run([*database, *add], check=True)
            command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
            command += ["--host-resolver-rules=MAP example.org 127.0.0.1"]
            done = subprocess.run(
                [*command, f"https://example.org:{self.port}/"],
                env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
                capture_output=True,
                text=True,
                timeout=120,
            )
            if known:
                self.assertIn("it is here", done.stdout, done.stderr[-2000:])
            else:
                # ERR_CERT_AUTHORITY_INVALID; nothing of the page.
                self.assertIn("net_error -202", done.stderr)
                self.assertEqual(done.stdout, "")
