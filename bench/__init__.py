"""Measurements beside other proxies: `make bench`, `python -m bench.small`, `… bench.memory`."""
