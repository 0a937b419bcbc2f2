ssl_ocsp on or leaf asks whether the certificates of clients were taken back; ssl_ocsp_cache, ssl_ocsp_responder.
