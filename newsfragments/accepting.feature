When a worker has no descriptor left accepting rests for half a second instead of closing whom it
can't serve, and idle connections make room. When ``worker_connections`` are nearly taken the
connections that have idled longest are closed, as nginx does, instead of refusing new ones.
