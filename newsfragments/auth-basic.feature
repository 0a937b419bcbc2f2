auth_basic asks for a user and a password from an htpasswd file: bcrypt and everything else that the system's crypt knows, apr1, SHA, SSHA and plain.
