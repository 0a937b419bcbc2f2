"""Measurements beside other proxies: `make bench`, or `python -m bench.small` and `-m bench.memory`."""
