"""Where a walk over all images is, in values that JSON can hold."""

from typing import Any

from twisted.logger import Logger

from reticulum.errors import ReticulumError
from reticulum.model import ImageId

_log = Logger()


def written(position: ImageId | None) -> str | None:
    """The last image that was walked over; None at the beginning."""
    return None if position is None else str(position)


def read(text: Any) -> ImageId | None:
    """What `written` gave; the beginning for anything else."""
    if not isinstance(text, str):
        return None
    try:
        return ImageId.parse(text)
    except ReticulumError:
        _log.warn("bookmark.lost text={text}", text=text[:80])
        return None
