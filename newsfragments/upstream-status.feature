upstream_status answers with the state of each group's servers in JSON: what health checks and failing requests say of them, and how many requests are under way.
