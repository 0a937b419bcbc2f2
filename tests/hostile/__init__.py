"""Hostile clients, broken upstreams, a failing machine: nothing lost, nothing let through.

The tables are data: `clients.CASES` and `upstreams.CASES`, each case a name, bytes and what must
hold. Each is a test of its own, so that a run lists them by name.
"""
