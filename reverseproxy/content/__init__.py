"""What answers a request: an upstream, a file, a Twisted resource."""
