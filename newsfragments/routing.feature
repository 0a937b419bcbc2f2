`rewrite`, `return`, `set`, `if`, `break`, `try_files`, `error_page`, `internal`, nested, regular-expression and named locations, and every form of `server_name` work as in nginx.
