"""What decides whether a request may go on: each an IResource around the next.

In the order of `reverseproxy.features.GUARDS`: `internal`, `limitexcept`, `rewriting`, `realip` (a
server's own rule acts earlier, in `Request.begin`), `limitreq`, `limitconn`, `access` (which asks
`addresses`, `basic` and `authrequest`), `tryfiles`. What is counted for limits is in `zones`. The
size of a body is checked where a location is entered (`Request.enter`): it holds for every one.
"""
