"""Moving one original between this node and another, the hash checked at the end."""

from pathlib import Path

import attrs
from twisted.logger import Logger

from reticulum.errors import (
    HolderFailed,
    HolderLied,
    ImageDeleted,
    NotTaken,
    UnknownImage,
)
from reticulum.imaging.sniff import HEAD, sniff
from reticulum.interfaces import Incoming, Peers
from reticulum.model import Contact, ImageId, Original
from reticulum.replication.burial import Burial
from reticulum.replication.here import Here

_log = Logger()


@attrs.define(kw_only=True)
class Handover:
    """
    Gives copies to other nodes, and gets them from others.

    Args:
        here: The copies on this node.
        peers: The other nodes.
        burial: Tombstones.
    """

    _here: Here
    _peers: Peers
    _burial: Burial
    given: int = attrs.field(default=0, init=False)
    given_bytes: int = attrs.field(default=0, init=False)
    taken: int = attrs.field(default=0, init=False)
    refused: int = attrs.field(default=0, init=False)
    failed: int = attrs.field(default=0, init=False)

    async def give(self, contact: Contact, image_id: ImageId) -> bool:
        """
        Hand an original over.

        Returns:
            Whether the other one has it on its disk now.

        Raises:
            UnknownImage: It is not here (any more), or was deleted.
            NotTaken: The other one takes no more.
        """
        original = await self._here.originals.find(image_id)
        path = await self._here.originals.path(image_id)
        try:
            try:
                await self._peers.give(contact, original, path)
            except ImageDeleted:
                if not await self._burial.settle(contact, image_id):
                    raise
                await self._peers.give(contact, original, path)
        except NotTaken:
            self.refused += 1
            raise
        except HolderFailed as error:
            self.failed += 1
            _log.info(
                "handover.failed node={node} image={image} reason={reason}",
                node=str(contact.node_id),
                image=str(image_id),
                reason=str(error),
            )
            return False
        except OSError as error:
            # Damaged or gone between the check and the reading: the next look tells.
            raise UnknownImage(f"{image_id} can't be read any more: {error.strerror}") from error
        self.given += 1
        self.given_bytes += original.length
        return True

    async def get(self, contact: Contact, image_id: ImageId) -> bool:
        """
        Get an original from a node that has it, and keep it.

        Returns:
            Whether it is here now.

        Raises:
            NoSpace: The disk is full.
        """
        try:
            incoming, original = await receive(self._here, self._peers, contact, image_id)
        except (HolderFailed, UnknownImage) as error:
            self.failed += 1
            _log.info(
                "handover.not_got node={node} image={image} reason={reason}",
                node=str(contact.node_id),
                image=str(image_id),
                reason=str(error),
            )
            return False
        try:
            await self._here.keep(incoming, original.facts)
        except UnknownImage:
            return False
        finally:
            incoming.abandon()
        self.taken += 1
        return True


async def receive(
    here: Here, peers: Peers, contact: Contact, image_id: ImageId
) -> tuple[Incoming, Original]:
    """
    Get the bytes of an original from another node.

    Returns:
        The bytes, sealed, for the caller to keep or to abandon; and what the other one tells.

    Raises:
        UnknownImage, HolderFailed: It gave nothing.
        HolderLied: It gave something else.
        NoSpace: The disk is full.
    """
    incoming = here.originals.begin(image_id.hash_name)
    try:
        original = await peers.original(contact, image_id, incoming)
        await check(incoming, original)
    except BaseException:
        incoming.abandon()
        raise
    return incoming, original


async def check(incoming: Incoming, original: Original) -> Path:
    """
    Seal what came, and hold it against what was told of it. Pixels are for a worker to look at.

    Returns:
        The file, still temporary.

    Raises:
        HolderLied: It is something else.
        NoSpace: The disk is full.
    """
    path = await incoming.seal()
    if incoming.image_id != original.image_id or incoming.length != original.length:
        raise HolderLied("the bytes it sends are of another image")
    with path.open("rb") as file:
        head = file.read(HEAD)
    if sniff(head) is not original.facts.format:
        raise HolderLied(f"what it sends is no {original.facts.format}")
    return path
