"""What decides whether a request may go on: each an IResource around the next.

There is none yet that is a resource of its own: the size of a body is checked where a location is
entered (`Request.enter`), because it holds for every one.
"""
