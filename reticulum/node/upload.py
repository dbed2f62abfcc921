"""Upload: bytes into a safely kept original."""

from collections.abc import Callable
from pathlib import Path

import attrs

from reticulum.errors import BadRequest, UnknownImage
from reticulum.interfaces import Incoming, Originals, Renderer
from reticulum.model import Facts, HashName, ImageId, Original, Receipt
from reticulum.node.tasks import Tasks


@attrs.define(kw_only=True)
class Upload:
    """
    Take an image in.

    Args:
        originals: Where it is kept.
        renderer: Looks into it before it is kept.
        tasks: Owner of the work once all bytes are here.
        hash_name: What ids of new images are made with.
        came: Told of every image that is new here.
    """

    _originals: Originals
    _renderer: Renderer
    _tasks: Tasks
    _hash_name: HashName
    _came: Callable[[Original], None]
    taken: int = 0

    def begin(self) -> Incoming:
        """
        Open a place for the bytes.

        Raises:
            NoSpace: The disk is full.
        """
        return self._originals.begin(self._hash_name)

    async def finish(self, incoming: Incoming) -> Receipt:
        """
        Look into the bytes and keep them; goes on even if whoever asked has gone.

        Whatever happens, nothing of *incoming* is left outside the store.

        Raises:
            NotAnImage, DamagedImage, BeyondLimits: The bytes are not taken.
            Busy, OutOfTime, NoSpace: Not now.
        """
        return await self._tasks.run(self._finish(incoming))

    async def _finish(self, incoming: Incoming) -> Receipt:
        try:
            if not incoming.length:
                raise BadRequest("the upload is empty: send the bytes of an image")
            draft = await incoming.seal()
            facts = await self._facts(incoming.image_id, draft)
            original, is_new = await self._originals.keep(incoming, facts)
        finally:
            incoming.abandon()
        if is_new:
            self.taken += 1
            self._came(original)
        return Receipt(original=original, is_new=is_new, wanted=1, stored=1)

    async def _facts(self, image_id: ImageId, draft: Path) -> Facts:
        """Equal bytes need no second look."""
        try:
            return (await self._originals.find(image_id)).facts
        except UnknownImage:
            return await self._renderer.inspect(draft)
