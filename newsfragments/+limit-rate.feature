limit_rate, limit_rate_after and $limit_rate pace answers; sendfile_max_chunk bounds one sendfile.
