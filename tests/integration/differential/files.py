"""The files that both servers serve, the same bytes and the same times."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

#: When every file was last changed: Sun, 09 Sep 2001 01:46:40 GMT.
CHANGED = 1_000_000_000

FILES: dict[str, bytes] = {
    "index.html": b"<h1>index</h1>\n",
    "a.txt": b"abcdefghijklmnopqrstuvwxyz\n",
    "b.html": b"<p>b</p>\n",
    "empty.txt": b"",
    "long.txt": b"0123456789abcdef" * 4096,
    "page.html": b"<p>page</p>\n" * 400,
    "image.gif": b"GIF89a not really",
    "noextension": b"what am I\n",
    "with space.txt": b"a space\n",
    "caf\u00e9.txt": b"utf-8 in the name\n",
    "dir/index.html": b"<h1>dir</h1>\n",
    "dir/other.html": b"<p>other</p>\n",
    "noindex/file.txt": b"no index beside me\n",
    "deep/er/est/file.txt": b"deep\n",
    "listed/a <b> & 'c' \"d\".txt": b"a",
    "listed/caf\u00e9.txt": b"b",
    "listed/" + "n" * 49 + ".t": b"c",
    "listed/" + "m" * 50: b"c",
    "listed/" + "\u00e9" * 60 + ".txt": b"c",
    "listed/" + "e" * 30 + "\u00e9" * 20: b"c",
    "listed/big.bin": b"x" * 15872,
    "listed/bigger.bin": b"x" * (1024 * 1024 + 512 * 1024),
    "listed/back\\slash\n\x01": b"",
    "listed/.hidden": b"",
    "listed/sub dir/x": b"",
    "listed/" + "d" * 50 + "/x": b"",
    "listed/" + "d" * 49 + "/x": b"",
    "listed/" + "d" * 55 + "/x": b"",
    "coded.txt": b"caf\xe9 \x80 \xff A\n",
    "coded.html": b"<p>\xe9\x80\xc3\xa9</p>\n" * 20,
    "utf8.txt": "caf\u00e9 \u20ac \u0101 \U0001f600 end\n".encode(),
    "one/only.txt": b"the only one\n",
    "packed.txt": b"plain, and there is a packed one\n",
}

#: "secret" in every scheme that there is, made by htpasswd and openssl.
USERS = b"""\
# comment:{PLAIN}secret
#comment:{PLAIN}secret

no colon
plain:{PLAIN}secret
empty:{PLAIN}
colon:{PLAIN}a
twice:{PLAIN}first
twice:{PLAIN}second
sha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=
ssha:{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0
apr1:$apr1$d6DOIER6$bBpWa2cTASGz3PFJXRB0I/:with a comment
md5:$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1
des:Huygll4R6UO7s
bcrypt:$2y$05$7U6oxEkGrQBRHS/eIAqSqus0qbjlsEi5w09gqR3KPDinYhWqCeH/u
sha512:$6$abc$IdWKNKTJEb8LxY7CGg8YBXlvtfZzFw7Mp/r6niK9YB2mdvgY..TKjv1T..8RadRt2qvUHYRLr/TsVArtr91iR1
broken:*
last:{PLAIN}secret"""


#: Symbolic links, by name.
LINKS = {
    "links/a.txt": "../a.txt",
    "links/dir": "../dir",
    "links/strange": "/etc/hostname",
    "links/nothing": "nowhere",
}


def make(root: Path) -> None:
    """Write them below `root`."""
    files = {**FILES, "users": USERS}
    files["packed.txt.gz"] = gzip.compress(FILES["packed.txt"], mtime=0)
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for name, target in LINKS.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
    for path in (*root.rglob("*"), root):
        if path.is_symlink():
            continue
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (CHANGED, CHANGED))
