charset names the character set of texts, and converts them with source_charset and charset_map.
