X-Accel-Charset of an upstream names the character set of the answer, and has it converted where there is a charset_map, unless proxy_ignore_headers names it.
