add_header, add_trailer, their _inherit, expires, server_tokens with a text, and chunked_transfer_encoding work as nginx documents them.
