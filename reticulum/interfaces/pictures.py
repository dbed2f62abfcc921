"""Who makes pictures, and who finds them."""

from pathlib import Path
from typing import Protocol

from reticulum.model import Facts, Format, Picture, Rendition, Spec


class Renderer(Protocol):
    """Looks into image files and makes renditions, in processes that can be killed."""

    async def inspect(self, source: Path) -> Facts:
        """
        Sniff, check against the limits, then decode to the last byte.

        Raises:
            NotAnImage: Of no type we read.
            DamagedImage: Cannot be decoded, or the decoder crashed.
            BeyondLimits: Too many pixels or frames, or more memory than a worker has.
            Busy: The queue is full.
            OutOfTime: The deadline passed.
            OSError: The file can't be read.
        """

    async def render(self, source: Path, spec: Spec, output: Format, target: Path) -> None:
        """
        Write one rendition of *source* to *target*.

        Raises:
            NotAnImage: Of no type we read.
            DamagedImage: Cannot be decoded, or the decoder crashed.
            BeyondLimits: Too large a source or result, or more memory than a worker has.
            Busy: The queue is full.
            OutOfTime: The deadline passed.
            NoSpace: The disk is full.
            OSError: *source* can't be read, or *target* is there already.
        """


class Pictures(Protocol):
    """Finds or makes pictures, here or anywhere."""

    def at_hand(self, rendition: Rendition, spec: Spec) -> Picture | None:
        """Open one picture if that takes no waiting; None does not say that there is none."""

    async def __call__(self, rendition: Rendition, spec: Spec) -> Picture:
        """
        Open one picture; the caller closes its body.

        Raises:
            UnknownImage: There is no such image.
            BadSpec: The format is never written.
            DamagedImage, BeyondLimits, Busy, OutOfTime, NoSpace: It could not be had.
        """
