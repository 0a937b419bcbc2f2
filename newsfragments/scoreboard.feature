stub_status and $connections_… count the connections of all workers; those of other workers than the one that answers are up to a second old.
