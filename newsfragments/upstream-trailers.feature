$upstream_trailer_NAME has a field that follows the last chunk of the upstream's answer.
