"""A reverse proxy daemon on Twisted that reads nginx's configuration language."""

__version__ = "0.1.0"
