"""Arrivals: a picture that came from another node, given to all who wait, then kept."""

import os
from collections.abc import Callable
from pathlib import Path

import attrs

from reticulum.interfaces import Renditions
from reticulum.model import ImageId, Original, Picture, Rendition, Spec
from reticulum.node.flight import Land
from reticulum.node.picture import Opened, etag_of, picture_of
from reticulum.node.shared_file import SharedFile


@attrs.frozen
class Came:
    """
    What a node has sent.

    Args:
        original: Facts about the original.
        path: The file; the cache may take it.
        etag: As the node that sent it told.
    """

    original: Original
    path: Path
    etag: str


@attrs.define(kw_only=True)
class Arrivals:
    """
    Shares what came, and keeps it in the cache of renditions.

    Args:
        renditions: The cache.
        is_deleted: Whether a tombstone stands for an image.
        pipeline: Text that changes when the same spec gives other bytes.
    """

    _renditions: Renditions
    _is_deleted: Callable[[ImageId], bool]
    _pipeline: str

    def cached(self, original: Original, rendition: Rendition, spec: Spec) -> Picture | None:
        """Open one picture if it is in the cache."""
        opened = self._renditions.open(rendition)
        return None if opened is None else self.picture(original, rendition, spec, opened)

    def picture(
        self, original: Original, rendition: Rendition, spec: Spec, opened: Opened
    ) -> Picture:
        """One that was opened in the cache."""
        return picture_of(original, rendition, spec, opened, self.etag(original, rendition))

    def etag(self, original: Original, rendition: Rendition) -> str:
        """The ETag of what this node makes."""
        return etag_of(original, rendition, self._pipeline)

    async def share(
        self, rendition: Rendition, spec: Spec, came: Came, land: Land[Picture]
    ) -> None:
        """Give every waiter the file that came, then keep it in the cache."""
        original, etag = came.original, came.etag
        # A web server in front gives this as Last-Modified, as we do.
        os.utime(came.path, (original.stored_at, original.stored_at))
        shared = SharedFile.open(came.path)
        try:
            land(lambda: picture_of(original, rendition, spec, shared.reader(), etag))
            # A node of another version makes other bytes: good to serve, not to keep among ours.
            if etag != self.etag(original, rendition):
                return
            await self._renditions.keep(rendition, came.path)
            # A deletion may have come between its first byte and its place in the cache.
            if self._is_deleted(rendition.image_id):
                await self._renditions.remove(rendition.image_id)
        finally:
            shared.close()
