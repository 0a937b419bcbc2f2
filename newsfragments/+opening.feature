open_file_cache keeps files open and small ones in memory; disable_symlinks refuses links.
