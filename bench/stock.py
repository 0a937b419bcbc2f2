"""twisted.web.proxy as it comes: `stock.py PORT BACKEND_PORT`."""

import sys

from twisted.internet import reactor
from twisted.web.proxy import ReverseProxyResource
from twisted.web.server import Site

port, backend_port = map(int, sys.argv[1:])
resource = ReverseProxyResource("127.0.0.1", backend_port, b"")
reactor.listenTCP(port, Site(resource), interface="127.0.0.1")
reactor.run()
