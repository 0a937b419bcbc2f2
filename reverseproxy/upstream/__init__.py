"""Towards the application: peers, their pooled connections, and one request's way through them."""
