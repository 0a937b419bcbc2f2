"""Makes `twistd reverseproxy` known."""

from twisted.application.service import ServiceMaker

reverseproxy = ServiceMaker(
    "reverseproxy",
    "reverseproxy.service",
    "A reverse proxy that reads nginx's configuration language.",
    "reverseproxy",
)
