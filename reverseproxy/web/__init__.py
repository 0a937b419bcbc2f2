"""From a socket to a location, and an answer back: transport, channel, request, choosing."""
