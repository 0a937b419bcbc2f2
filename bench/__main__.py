"""All measurements, or those that are named: `python -m bench [small] [memory] [tls]`."""

import sys

from bench import memory, small, tls

PARTS = {"small": small.main, "memory": memory.main, "tls": tls.main}

unknown = set(sys.argv[1:]) - set(PARTS)
if unknown:
    sys.exit(f"no such measurement: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
sys.exit(max(PARTS[name]([]) for name in sys.argv[1:] or PARTS))
