"""What is met in a folder that is brought in, and what became of it."""

import enum
from pathlib import Path

import attrs

from reticulum.model import ImageId


class Kind(enum.StrEnum):
    """How a folder is laid out; the value is its name on the command line."""

    TREE = "tree"
    RETICULUM = "reticulum"
    APOMIXIS = "apomixis"


class Outcome(enum.StrEnum):
    """What became of a file; the value is its name in JSON."""

    IMPORTED = "imported"
    THERE = "already_there"
    BEFORE = "done_before"
    NOT_IMAGE = "not_an_image"
    LINK = "link"
    BESIDE = "beside"
    DAMAGED = "damaged"
    FAILED = "failed"


@attrs.frozen
class Found:
    """
    A file that may be an original.

    Args:
        path: Below the folder that is walked.
        length: Bytes in it when it was found.
        mtime_ns: When it was last changed, in ns since the epoch.
        image_id: What its path says its id is; None if paths say nothing.
    """

    path: Path
    length: int
    mtime_ns: int
    image_id: ImageId | None = None


@attrs.frozen
class Passed:
    """
    What is passed over without a look into it.

    Args:
        path: Of a file, a link or a folder.
        outcome: Under which it is counted.
        reason: For a person.
    """

    path: Path
    outcome: Outcome
    reason: str
