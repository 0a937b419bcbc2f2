Values can be looked up by other variables, by address and by shares: `map`, `geo` and `split_clients`.
