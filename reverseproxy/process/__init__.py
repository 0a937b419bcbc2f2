"""The daemon: sockets, files, start and stop."""

#: The variable of the environment by which a master hands its sockets over to a newer program:
#: descriptors, with semicolons between.
HANDED_OVER = "REVERSEPROXY"
