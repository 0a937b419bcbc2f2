gzip_static sends files that were compressed beforehand; gunzip decompresses for clients that do not take gzip; HEAD of what would be compressed says so.
