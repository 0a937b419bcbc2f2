"""The daemon: sockets, files, start and stop."""
