auth_delay holds a 401 back for a while.
