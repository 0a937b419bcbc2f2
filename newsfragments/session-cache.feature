ssl_session_cache shared:name:size is shared by all workers, where cryptography uses the system's OpenSSL as in Debian.
