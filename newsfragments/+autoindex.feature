autoindex lists directories as HTML, JSON, JSONP or XML, as nginx writes them; random_index picks a file.
