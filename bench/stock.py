"""twisted.web.proxy as it comes: `stock.py PORT BACKEND_PORT [BULK_PORT LOG]`."""

import sys

from twisted.internet import reactor
from twisted.web.proxy import ReverseProxyResource
from twisted.web.server import Site

port, backend_port = map(int, sys.argv[1:3])
resource = ReverseProxyResource("127.0.0.1", backend_port, b"")
if sys.argv[3:]:
    resource.putChild(b"bulk", ReverseProxyResource("127.0.0.1", int(sys.argv[3]), b"/bulk"))
site = Site(resource, logPath=sys.argv[4] if sys.argv[4:] else None)
reactor.listenTCP(port, site, interface="127.0.0.1")  # type: ignore[arg-type]  # it is one
reactor.run()
