"""Hostile clients, broken upstreams, a failing machine: nothing lost, nothing let through.

The tables are data, each case a name, bytes and what must hold: of clients `framing`, `heads`,
`fields`, `paths`, `injection` and `upgrades`, of upstreams `upstreams` and `directing`, of files
`odd`. Each is a test of its own, so that a run lists them by name.
"""
