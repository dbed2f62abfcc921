"""Originals and renditions in memory, for tests: as strict as those on disk."""

import hashlib
import io
import secrets
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from reticulum.errors import ImageInDoubt, UnknownImage
from reticulum.interfaces import Incoming, Pause
from reticulum.model import Facts, HashName, ImageId, Original, Rendition


class IncomingInMemory:
    """
    Bytes in a buffer; an `Incoming`.

    Args:
        folder: Where `seal` lays a file for whoever wants to look into it; it exists.
        hash_name: What the id is to be made with.
    """

    def __init__(self, folder: Path, hash_name: HashName) -> None:
        self.path = folder / secrets.token_hex(16)
        self._hash_name = hash_name
        self._buffer: io.BytesIO | None = io.BytesIO()
        self._content: bytes | None = None
        self._length = 0

    @property
    def length(self) -> int:
        """Bytes written so far."""
        return self._length

    @property
    def content(self) -> bytes | None:
        """All bytes, once sealed and until abandoned."""
        return self._content

    @property
    def image_id(self) -> ImageId:
        """Id of the sealed bytes."""
        content = self._content or b""
        digest = hashlib.new(self._hash_name.value, content, usedforsecurity=False).hexdigest()
        return ImageId(self._hash_name, digest)

    def write(self, chunk: bytes) -> None:
        """
        Append.

        Raises:
            ValueError: It is sealed or abandoned.
        """
        if self._buffer is None:
            raise ValueError("sealed or abandoned: nothing can be written any more")
        self._length += self._buffer.write(chunk)

    async def seal(self) -> Path:
        """
        Lay a file for whoever wants to look into it.

        Raises:
            ValueError: It is sealed or abandoned.
        """
        if self._buffer is None:
            raise ValueError("sealed or abandoned already")
        self._content, self._buffer = self._buffer.getvalue(), None
        self.path.write_bytes(self._content)
        return self.path

    def abandon(self) -> None:
        """Remove every trace."""
        self._buffer = self._content = None
        self.path.unlink(missing_ok=True)


class OriginalsInMemory:
    """
    Originals in a dictionary; an `Originals`.

    Args:
        folder: For the files that others want a path of; it exists.
        now: Seconds since 1970, UTC.
        is_doubtful: Whether an original must pass for not being here, as on disk.
    """

    def __init__(
        self,
        folder: Path,
        *,
        now: Callable[[], float],
        is_doubtful: Callable[[Original], bool] = lambda _original: False,
    ) -> None:
        self._folder = folder
        self._now = now
        self._is_doubtful = is_doubtful
        self._kept: dict[ImageId, tuple[Original, bytes]] = {}
        self._verified: dict[ImageId, float] = {}

    def begin(self, hash_name: HashName) -> IncomingInMemory:
        """Open a place for a new original."""
        return IncomingInMemory(self._folder, hash_name)

    async def keep(self, incoming: Incoming, facts: Facts) -> tuple[Original, bool]:
        """
        Make a sealed original permanent.

        Raises:
            ValueError: It is not one of `begin`, sealed.
        """
        if not isinstance(incoming, IncomingInMemory) or incoming.content is None:
            raise ValueError("only what was begun here and is sealed can be kept")
        image_id, content = incoming.image_id, incoming.content
        incoming.abandon()
        if self._is_sound(image_id):
            return self._kept[image_id][0], False
        (self._folder / str(image_id)).unlink(missing_ok=True)
        original = Original(
            image_id=image_id, facts=facts, length=len(content), stored_at=self._now()
        )
        self._kept[image_id] = (original, content)
        self._verified[image_id] = self._now()
        return original, True

    def known(self, image_id: ImageId) -> Original | None:
        """Facts about one original; here, they are always at hand."""
        kept = self._kept.get(image_id)
        return kept[0] if kept and not self._is_doubtful(kept[0]) else None

    async def find(self, image_id: ImageId) -> Original:
        """Facts about one original."""
        original = self._get(image_id)[0]
        if self._is_doubtful(original):
            raise ImageInDoubt(f"{image_id} is in doubt here")
        return original

    async def path(self, image_id: ImageId) -> Path:
        """A file with the bytes, made when it is first asked for."""
        _, content = self._get(image_id)
        path = self._folder / str(image_id)
        if not path.exists():
            path.write_bytes(content)
        if not self._is_sound(image_id):
            await self.remove(image_id)
            raise UnknownImage(f"the stored bytes of {image_id} no longer match its id")
        return path

    async def verify(self, image_id: ImageId, pause: Pause | None = None) -> bool:
        """Compare the bytes with the file, if there is one: that is what a test can damage."""
        if image_id not in self._kept:
            return False
        if pause is not None:
            await pause(self._kept[image_id][0].length)
        if not self._is_sound(image_id):
            await self.remove(image_id)
            return False
        self._verified[image_id] = self._now()
        return True

    def verified_at(self, image_id: ImageId) -> float | None:
        """When the bytes were last seen to match."""
        return self._verified.get(image_id) if self._is_sound(image_id) else None

    async def set_aside(self, image_id: ImageId, reason: str) -> bool:  # noqa: ARG002
        """Forget it; nobody looks into a quarantine in memory."""
        return await self.remove(image_id)

    async def remove(self, image_id: ImageId) -> bool:
        """Delete for good."""
        (self._folder / str(image_id)).unlink(missing_ok=True)
        self._verified.pop(image_id, None)
        return self._kept.pop(image_id, None) is not None

    async def page(self, after: ImageId | None, limit: int) -> list[Original]:
        """Up to *limit* originals in the order of their ids."""
        behind = (one for one in self._kept if after is None or str(one) > str(after))
        return [self._kept[image_id][0] for image_id in sorted(behind, key=str)[:limit]]

    def _is_sound(self, image_id: ImageId) -> bool:
        kept = self._kept.get(image_id)
        if kept is None:
            return False
        try:
            return kept[1] == (self._folder / str(image_id)).read_bytes()
        except FileNotFoundError:
            return True

    def _get(self, image_id: ImageId) -> tuple[Original, bytes]:
        try:
            return self._kept[image_id]
        except KeyError:
            raise UnknownImage(f"there is no image {image_id} here") from None


class RenditionsInMemory:
    """
    Renditions in a dictionary, the least recently used first; a `Renditions`.

    Args:
        folder: For `scratch`; it exists.
        max_bytes: Bound, at least 0; 0 is off.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._kept: OrderedDict[Rendition, bytes] = OrderedDict()

    def open(self, rendition: Rendition) -> tuple[BinaryIO, int] | None:
        """Its bytes and their number, or None."""
        content = self._kept.get(rendition)
        if content is None:
            return None
        self._kept.move_to_end(rendition)
        return io.BytesIO(content), len(content)

    def scratch(self, rendition: Rendition) -> Path:
        """A fresh path to render to."""
        return self._folder / f"{secrets.token_hex(16)}.{rendition.format.value}"

    async def keep(self, rendition: Rendition, made: Path) -> None:
        """Take the file *made* into the cache."""
        content = _take(made)
        if len(content) > self._max_bytes or self._max_bytes == 0:
            return
        self._kept.pop(rendition, None)
        self._kept[rendition] = content
        while sum(map(len, self._kept.values())) > self._max_bytes:
            self._kept.popitem(last=False)

    async def remove(self, image_id: ImageId) -> None:
        """Forget every rendition of one image."""
        for rendition in [one for one in self._kept if one.image_id == image_id]:
            del self._kept[rendition]


def _take(path: Path) -> bytes:
    content = path.read_bytes()
    path.unlink()
    return content
