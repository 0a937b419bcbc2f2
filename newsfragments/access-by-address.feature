allow and deny let clients in, or keep them out, by address; satisfy says whether every check must agree.
