"""Answers that grow while somebody reads them: an object of JSON a line."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.web.http import Request

from reticulum.errors import ReticulumError

JSON_LINES = b"application/x-ndjson"

_log = Logger()


async def json_lines(request: Request, events: AsyncGenerator[dict[str, Any], None]) -> bytes:
    """
    Write each event as it comes; the last one has `event` `failed` if they break off.

    Whatever makes the events ends with the connection. What fails before the first of them is
    raised: the status is not out yet.

    Returns:
        Nothing more, for klein to write.
    """
    is_out = False
    try:
        async with aclosing(events):
            async for event in events:
                if not is_out:
                    is_out = True
                    request.setHeader(b"content-type", JSON_LINES)
                    request.setHeader(b"cache-control", b"no-store")
                _write(request, event)
    except CancelledError:
        raise
    except ReticulumError as error:
        if not is_out:
            raise
        _write(request, {"event": "failed", "error": str(error)})
    except Exception:
        if not is_out:
            raise
        # A defect: all of it into the log.
        _log.failure("json_lines.failed path={path}", path=request.path)
        reason = "the node failed at this; its log says more"
        _write(request, {"event": "failed", "error": reason})
    return b""


def _write(request: Request, value: dict[str, Any]) -> None:
    request.write(json.dumps(value).encode() + b"\n")
