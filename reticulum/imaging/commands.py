"""What a pool says to its workers and what comes back: AMP commands, paths and numbers only."""

from typing import ClassVar, Final

from twisted.protocols import amp

from reticulum.errors import (
    BadSpec,
    BeyondLimits,
    DamagedImage,
    NoSpace,
    NotAnImage,
)

_ERRORS: Final[dict[type[Exception], bytes]] = {
    NotAnImage: b"NOT_AN_IMAGE",
    DamagedImage: b"DAMAGED_IMAGE",
    BeyondLimits: b"BEYOND_LIMITS",
    BadSpec: b"BAD_SPEC",
    NoSpace: b"NO_SPACE",
    OSError: b"OS_ERROR",
}


class Inspect(amp.Command):
    """`Renderer.inspect`; the answer is a `Facts`."""

    arguments: ClassVar[list[tuple[bytes, amp.Argument]]] = [(b"source", amp.String())]
    response: ClassVar[list[tuple[bytes, amp.Argument]]] = [
        (b"format", amp.Unicode()),
        (b"width", amp.Integer()),
        (b"height", amp.Integer()),
        (b"frames", amp.Integer()),
    ]
    errors = _ERRORS


class Render(amp.Command):
    """`Renderer.render`; the spec travels as its canonical text."""

    arguments: ClassVar[list[tuple[bytes, amp.Argument]]] = [
        (b"source", amp.String()),
        (b"spec", amp.Unicode()),
        (b"output", amp.Unicode()),
        (b"target", amp.String()),
    ]
    response: ClassVar[list[tuple[bytes, amp.Argument]]] = []
    errors = _ERRORS
