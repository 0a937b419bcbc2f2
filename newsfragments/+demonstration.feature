make run serves a demonstration: a file, an application behind the proxy, and an upload.
