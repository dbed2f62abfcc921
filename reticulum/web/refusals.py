"""What a site answers when a route raises, by the one error table: the same for every site."""

from http import HTTPStatus
from typing import cast
from urllib.parse import urlsplit

from klein import Klein
from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from reticulum.errors import ReticulumError
from reticulum.web.responses import Answer, problem, refusal

_log = Logger()


def answer_errors(app: Klein) -> None:
    """Let *app* answer whatever its routes raise; klein tries these in this order."""
    for error, answer in (
        (ReticulumError, _on_refusal),
        (HTTPException, _on_no_route),
        (CancelledError, _on_gone),
        (Exception, _on_crash),
    ):
        app.handle_errors(error)(answer)  # type: ignore[arg-type]  # klein wants IRequest


def _on_refusal(_routes: object, request: Request, failure: Failure) -> bytes:
    """What we raised on purpose, by the one table."""
    answer = refusal(failure.value)  # type: ignore[arg-type]  # by the table above
    return _over(request, answer or _crash(request, failure))


def _on_no_route(_routes: object, request: Request, failure: Failure) -> bytes:
    """No such path, or not by this method."""
    error = cast("HTTPException", failure.value)
    headers = {}
    if methods := getattr(error, "valid_methods", None):
        headers[b"allow"] = ", ".join(sorted(methods)).encode()
    if isinstance(error, RequestRedirect):
        headers[b"location"] = urlsplit(error.new_url).path.encode()
    status = HTTPStatus(error.code or HTTPStatus.NOT_FOUND)
    return _over(request, problem(status, _no_route(request, status), headers))


def _on_gone(_routes: object, request: Request, failure: Failure) -> bytes:
    """The client has gone: nobody hears the answer."""
    del request, failure
    return b""


def _on_crash(_routes: object, request: Request, failure: Failure) -> bytes:
    """A defect of ours: all of it into the log, none of it to the client."""
    return _over(request, _crash(request, failure))


def _crash(request: Request, failure: Failure) -> Answer:
    _log.failure("request.crashed path={path}", failure=failure, path=request.path)
    detail = "the node failed at this; its log says more"
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail)


def _over(request: Request, answer: Answer) -> bytes:
    """Answer in place of whatever headers were set before it went wrong."""
    for name in (b"etag", b"last-modified", b"content-range", b"accept-ranges", b"content-length"):
        request.responseHeaders.removeHeader(name)
    return answer.send(request)


def _no_route(request: Request, status: HTTPStatus) -> str:
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{request.method.decode('ascii', 'replace')[:20]} is not for this path"
    return "there is nothing at this path"
