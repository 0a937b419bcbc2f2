"""TLS on both sides: what OpenSSL is given, and what it says."""
