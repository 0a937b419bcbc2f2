The variables $ssl_ciphers, $ssl_curves, $ssl_sigalg, $ssl_client_sigalg and $ssl_session_id.
