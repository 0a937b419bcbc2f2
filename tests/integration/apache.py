"""Apache with mod_wsgi and a small Django site: the application server of the article."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.integration.components import APACHE_MODULES, SYSTEM_PYTHON, program
from tests.integration.servers import Server, directory, free_port, once

CONFIGURATION = """\
ServerRoot {home}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {home}/apache.pid
ErrorLog {home}/error.log
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
{account}
LogFormat "%m %U%q" requests
CustomLog {home}/requests.log requests
WSGIScriptAlias / {home}/site/wsgi.py
<Directory {home}/site>
    Require all granted
</Directory>
"""


class Apache(Server):
    """Apache with the WSGI script `home`/site/wsgi.py."""

    stop_seconds = 0.5  # a mod_wsgi child may take ten to leave, and has nothing to save

    def __init__(self, home: Path, port: int, environ: dict[str, str]) -> None:
        account = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
        configuration = home / "apache.conf"
        configuration.write_text(
            CONFIGURATION.format(home=home, port=port, modules=APACHE_MODULES, account=account)
        )
        super().__init__(
            [program("apache2") or "apache2", "-f", str(configuration), "-DFOREGROUND"],
            port,
            home,
            environ=environ,
        )


class Application(Apache):
    """The Django site behind Apache, with what it logged."""

    def __init__(self) -> None:
        home = directory("apache")
        shutil.copytree(Path(__file__).with_name("django_site"), home / "site")
        environ = {
            "DJANGO_SETTINGS_MODULE": "settings",
            "DJANGO_STATE": str(home / "state"),
            "PYTHONPATH": str(home / "site"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        (home / "state").mkdir()
        subprocess.run(
            [SYSTEM_PYTHON, str(home / "site" / "prepare.py")],
            env={**os.environ, **environ},
            check=True,
        )
        if os.geteuid() == 0:
            for path in (home / "state", *(home / "state").iterdir()):
                shutil.chown(path, "www-data", "www-data")
        super().__init__(home, free_port(), environ)

    def requests(self) -> list[str]:
        """The requests that reached it and are answered: "POST /upload/?id=7"."""
        return (self.home / "requests.log").read_text().splitlines()


@once
def application() -> Application:
    """The one application of a test run: starting it takes seconds, and it keeps no grudges."""
    return Application()
