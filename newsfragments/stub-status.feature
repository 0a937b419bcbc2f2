stub_status answers with the numbers of connections and requests, in the words of nginx; $connections_active and its companions are there too.
