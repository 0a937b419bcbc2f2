Access logs take `if=`, `buffer=`, `flush=` and `gzip=`, paths with variables and syslog; error logs go to syslog and to memory as well.
