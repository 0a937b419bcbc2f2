ssl_stapling on asks the responder that is named in the certificate (or by ssl_stapling_responder) ahead of time, checks what it says, and staples it while it is good; ssl_stapling_verify.
