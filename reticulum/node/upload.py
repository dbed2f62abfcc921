"""Upload: bytes into a safely kept original."""

from pathlib import Path

import attrs

from reticulum.errors import BadRequest, TooFewCopies, UnknownImage
from reticulum.interfaces import Copying, Incoming, Renderer
from reticulum.model import Facts, HashName, ImageId, Receipt, Write
from reticulum.node.tasks import Tasks
from reticulum.replication.here import Here


@attrs.define(kw_only=True)
class Upload:
    """
    Take an image in.

    Args:
        here: Where it is kept.
        copying: Copies it to other nodes.
        renderer: Looks into it before it is kept.
        tasks: Owner of the work once all bytes are here.
        hash_name: What ids of new images are made with.
        write: How many copies to wait for, unless the request says so.
        is_strict: Whether too few copies are an error.
    """

    _here: Here
    _copying: Copying
    _renderer: Renderer
    _tasks: Tasks
    _hash_name: HashName
    write: Write = Write.QUORUM
    is_strict: bool = False
    taken: int = 0

    def begin(self, hash_name: HashName | None = None) -> Incoming:
        """
        Open a place for the bytes.

        Args:
            hash_name: What the id is to be made with; None for what this node makes ids with.

        Raises:
            NoSpace: The disk is full.
        """
        return self._here.originals.begin(hash_name or self._hash_name)

    async def finish(self, incoming: Incoming, write: Write | None = None) -> Receipt:
        """
        Look into the bytes, keep them and have them copied; goes on even if whoever asked has gone.

        Whatever happens, nothing of *incoming* is left outside the store.

        Args:
            incoming: The bytes.
            write: How many copies to wait for; None for what this node waits for.

        Raises:
            NotAnImage, DamagedImage, BeyondLimits: The bytes are not taken.
            TooFewCopies: They are kept here, but too few others have confirmed in time.
            Busy, OutOfTime, NoSpace: Not now.
        """
        return await self._tasks.run(self._finish(incoming, write or self.write))

    async def _finish(self, incoming: Incoming, write: Write) -> Receipt:
        try:
            if not incoming.length:
                raise BadRequest("the upload is empty: send the bytes of an image")
            draft = await incoming.seal()
            facts = await self._facts(incoming.image_id, draft)
            await self._copying.welcome(incoming.image_id)
            original, is_new = await self._here.keep(incoming, facts)
        finally:
            incoming.abandon()
        self.taken += is_new
        copies = await self._copying.spread(original, write, is_new=is_new)
        if self.is_strict and not copies.is_enough:
            raise TooFewCopies(
                f"{copies.stored} of {copies.needed} copies were confirmed in time; the image "
                f"{original.image_id} is kept and goes on being copied: send it again to learn more"
            )
        return Receipt(original=original, is_new=is_new, copies=copies)

    async def _facts(self, image_id: ImageId, draft: Path) -> Facts:
        """Equal bytes need no second look."""
        try:
            return (await self._here.originals.find(image_id)).facts
        except UnknownImage:
            return await self._renderer.inspect(draft)
