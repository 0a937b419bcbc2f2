"""One target under atheris: `python -m tests.fuzz.guided TARGET CORPUS [libFuzzer's options]`."""

from __future__ import annotations

import sys


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["reverseproxy"]):
        from .targets import TARGETS
    target = TARGETS[sys.argv[1]][0]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
