``client_body_min_rate`` (this daemon's own, off by default) ends uploads that trickle: how many
bytes a second a client must send on average, beyond ``client_body_timeout``.
