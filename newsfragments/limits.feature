limit_req holds requests to a rate, with bursts that wait or don't; limit_conn holds down how many are under way. Both can be tried out with dry_run.
