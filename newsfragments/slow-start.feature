server … slow_start=TIME: a server that comes back gets its share of requests little by little.
