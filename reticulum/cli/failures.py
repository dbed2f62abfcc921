"""What went wrong on the wire, told to the person at the terminal."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet import error as net
from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure
from twisted.web import error as web

# Under no public name: what came back is no HTTP; what was sent is not what was announced.
from twisted.web._newclient import ParseError, WrongBodyLength
from twisted.web.iweb import IResponse

from reticulum.cli.node import Dropped, Refused, Unreachable
from reticulum.errors import ClientError

PROBLEM = "application/problem+json"
# What a server that is no node says to a path or a method of ours.
_STRANGE = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}


def explain(error: BaseException, name: str, idle_s: float) -> Exception:
    """
    The error to raise in place of one that Twisted raised.

    Args:
        error: As it came.
        name: Of the node.
        idle_s: How long silence was borne.

    Returns:
        A `ClientError`, or `CancelledError` if it was us who gave up.
    """
    causes = list(_causes(error))
    if any(isinstance(cause, CancelledError) for cause in causes):
        return CancelledError()
    for cause in causes:
        if told := _told(cause, name, idle_s):
            return told
    doubt = "; does it speak https?" if name.startswith("https:") else ""
    return Dropped(f"{name} closed the connection before its answer was complete{doubt}")


def _told(cause: BaseException, name: str, idle_s: float) -> ClientError | None:
    if isinstance(cause, TimeoutError):
        return Unreachable(f"{name} gave no sign of life for {idle_s:g} seconds")
    if reason := _why_no_connection(cause):
        return Unreachable(f"can't reach {name}: {reason}")
    if reason := _why_no_trust(cause):
        return Unreachable(
            f"can't trust {name}: {reason}; a certificate authority of your own can be named in "
            "the environment as SSL_CERT_FILE"
        )
    if isinstance(cause, ParseError):
        return not_a_node(name, "what answers does not speak HTTP")
    if isinstance(cause, web.RedirectWithNoLocation | web.InfiniteRedirection | web.PageRedirect):
        return not_a_node(name, "it redirects in circles or to nowhere")
    return _unfit_file(cause)


def _unfit_file(cause: BaseException) -> ClientError | None:
    if isinstance(cause, WrongBodyLength):
        return ClientError("changed while it was being sent")
    # What the network raises is an OSError at times, but never a plain one.
    if isinstance(cause, OSError) and not type(cause).__module__.startswith("twisted."):
        return ClientError(f"can't be read: {cause.strerror or cause}")
    return None


def _why_no_connection(cause: BaseException) -> str | None:
    if isinstance(cause, net.ConnectionRefusedError):
        return (
            "connection refused; start a node with 'twistd -n reticulum', or say where one is "
            "with --node URL or --data DIR"
        )
    if isinstance(cause, net.TimeoutError | net.TCPTimedOutError):
        return "no answer to the attempt to connect"
    if isinstance(cause, net.DNSLookupError):
        return "there is no host of that name"
    if isinstance(cause, net.ConnectError):
        return str(cause.args[-1] if cause.args else cause)
    return None


def _why_no_trust(cause: BaseException) -> str | None:
    if isinstance(cause, VerificationError):
        return "its certificate is for another host"
    if isinstance(cause, SSL.Error):
        told: Any = cause.args[0] if cause.args else ()
        reasons = [entry[-1] for entry in told if isinstance(entry, tuple) and entry]
        return ", ".join(reasons) or "its certificate can't be checked"
    return None


def refusal(response: IResponse, body: bytes, name: str) -> ClientError:
    """The error for an answer that is none of success."""
    status = response.code
    phrase = _clean_phrase(response)
    kind = (response.headers.getRawHeaders("content-type") or [""])[0]
    if kind.partition(";")[0].strip().lower() == PROBLEM:
        fields = _object(body)
        text = fields.get("detail") or fields.get("title")
        return Refused(text if isinstance(text, str) else f"{status} {phrase}", status)
    if 300 <= status < 400:  # noqa: PLR2004  (redirection, RFC 9110 section 15.4)
        location = (response.headers.getRawHeaders("location") or ["another place"])[0]
        return Unreachable(f"{name} sends uploads and deletions to {location}: use that as --node")
    if status in _STRANGE:
        return not_a_node(name, f"it answers {status} {phrase}")
    return Refused(f"{name} answered {status} {phrase} and gave no reason", status)


def not_a_node(name: str, reason: str) -> Unreachable:
    """The error for a server that is something else."""
    return Unreachable(f"{name} is no Reticulum node: {reason}; see --node and --data")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """*error* and the errors wrapped in it, at any depth."""
    yield error
    for reason in getattr(error, "reasons", ()):
        if isinstance(reason, Failure) and reason.value is not None:
            yield from _causes(reason.value)


def _clean_phrase(response: IResponse) -> str:
    return bytes(response.phrase).decode("ascii", "replace")


def _object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
