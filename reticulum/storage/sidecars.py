"""Sidecars on disk: read leniently, written so that they are whole or not there."""

import secrets
from pathlib import Path

import attrs

from reticulum.model import ImageId, Original
from reticulum.storage import layout, sidecar
from reticulum.storage.durable import Durable
from reticulum.storage.full_disk import full_disk_told


@attrs.frozen
class Sidecars:
    """
    The files beside the originals below *data* that say what those are.

    Whoever writes or removes one holds the image's lock.
    """

    _data: Path
    _durable: Durable

    def read(self, image_id: ImageId) -> Original | None:
        """What the sidecar says, or None if it cannot be the truth about the original there."""
        try:
            original = sidecar.decode(image_id, self._path(image_id).read_bytes())
            length = (self._data / layout.original(image_id)).stat().st_size
        except FileNotFoundError:
            return None
        return original if original is not None and original.length == length else None

    def write(self, original: Original) -> None:
        """
        Write one, its bytes flushed; its name is not, until the folder is.

        Raises:
            NoSpace: The disk is full.
        """
        path = self._path(original.image_id)
        draft = self._data / layout.INCOMING / secrets.token_hex(16)
        with full_disk_told():
            try:
                self._durable.make_folder(path.parent)
                self._durable.write(draft, sidecar.encode(original))
                draft.rename(path)
            finally:
                draft.unlink(missing_ok=True)

    def remove(self, image_id: ImageId) -> None:
        """Remove one, if it is there."""
        self._path(image_id).unlink(missing_ok=True)

    def _path(self, image_id: ImageId) -> Path:
        return self._data / layout.sidecar(image_id)
