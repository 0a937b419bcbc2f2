early_hints passes 103 (Early Hints) on, proxy_pass_trailers the fields behind an answer's last chunk.
