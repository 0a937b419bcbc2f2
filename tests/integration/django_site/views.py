"""What the test site does."""

import hashlib
import time

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

PAGE = "<!DOCTYPE html><title>Long</title>" + "".join(
    f"<p>Paragraph {number} of a page that is worth compressing.</p>" for number in range(2000)
)


@csrf_exempt
def echo(request):
    """What WSGI says of the request."""
    told = {name: value for name, value in request.META.items() if isinstance(value, str)}
    return JsonResponse({"method": request.method, "meta": told})


@csrf_exempt
def upload(request):
    """Size and SHA-256 of a body, and when Apache had begun the request (seconds, wall clock)."""
    digest, size = hashlib.sha256(), 0
    while part := request.read(65536):
        digest.update(part)
        size += len(part)
    began = int(request.META["mod_wsgi.request_start"]) / 1e6
    return JsonResponse({"size": size, "sha256": digest.hexdigest(), "began": began})


def page(request):
    """A page of 100 kB."""
    return HttpResponse(PAGE)


def stream(request):
    """Ten pieces with pauses between, the length unknown before."""

    def pieces():
        for number in range(10):
            yield f"piece {number}\n" * 500
            time.sleep(0.02)

    return StreamingHttpResponse(pieces(), content_type="text/csv")


def fields(request):
    """Two cookies at once, a status of its own, and a field named as nobody else names it."""
    answer = HttpResponse("teapot", status=418, content_type="text/x-pot")
    answer.set_cookie("first", "1")
    answer.set_cookie("second", "2")
    answer["X-Pot"] = "brown"
    return answer


@login_required
def account(request):
    """Who is logged in."""
    return JsonResponse({"user": request.user.get_username()})
