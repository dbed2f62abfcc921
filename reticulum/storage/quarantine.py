"""Where damaged and doubtful originals go: out of sight, kept for whoever wants to know why."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from twisted.logger import Logger

from reticulum.model import ImageId
from reticulum.storage import layout
from reticulum.storage.full_disk import is_full

_log = Logger()


class Quarantine:
    """
    The folder `quarantine` below *data*, whose names begin with the time.

    Nothing is ever deleted there: it is an operator's to look at and to empty.

    Args:
        data: Data directory.
        now: Seconds since 1970, UTC.
    """

    def __init__(self, data: Path, now: Callable[[], float]) -> None:
        self._data = data
        self._now = now

    @property
    def folder(self) -> Path:
        """Where; it is there once something was taken."""
        return self._data / layout.QUARANTINE

    def take(
        self, image_id: ImageId, reason: str = "is damaged: its bytes do not match its id"
    ) -> bool:
        """
        Move an original and its sidecar here; one line in the log says so.

        Args:
            image_id: Of the original.
            reason: For the log, with the image as its subject.

        Returns:
            Whether it is out of the way; on a full disk it stays where it is.
        """
        time = datetime.fromtimestamp(self._now(), UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        target = self.folder / f"{time}-{image_id}"
        try:
            target.parent.mkdir(mode=0o700, exist_ok=True)
            (self._data / layout.original(image_id)).rename(target)
        except OSError as error:
            if not is_full(error):
                raise
            _log.warn(
                "{image} {reason}; no space to move it away", image=str(image_id), reason=reason
            )
            return False
        sidecar = self._data / layout.sidecar(image_id)
        if sidecar.exists():
            sidecar.rename(target.with_name(target.name + layout.SIDECAR_SUFFIX))
        _log.warn(
            "{image} {reason}; moved to {target}",
            image=str(image_id),
            reason=reason,
            target=str(target),
        )
        return True
