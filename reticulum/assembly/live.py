"""The settings that can change in a running node, and where they are in force."""

import attrs

from reticulum.assembly.http import Door
from reticulum.node.tasks import Tasks
from reticulum.node.upload import Upload
from reticulum.settings import Settings, refuse_unsafe
from reticulum.storage.renditions import RenditionsOnDisk
from reticulum.web.keys import Keys


@attrs.define
class InForce:
    """The settings in force now."""

    settings: Settings


@attrs.define
class Live:
    """The settings that can change in a running node, and where they are in force."""

    _in_force: InForce
    _doors: tuple[Door, ...]
    _keys: Keys
    _renditions: RenditionsOnDisk
    _tasks: Tasks
    _upload: Upload

    def apply(self, settings: Settings) -> None:
        """Put *settings* into force as far as a running node can."""
        refuse_unsafe(attrs.evolve(self._in_force.settings, http=settings.http))
        self._keys.accepted = settings.http.upload_keys
        for door in self._doors:
            door.intake.max_bytes = settings.http.max_upload_bytes
            door.intake.max_uploads = settings.http.max_uploads
            door.intake.deadline_s = settings.http.upload_deadline_s
            door.site.max_connections = settings.http.max_connections
        self._upload.write = settings.replication.write
        self._upload.is_strict = settings.replication.strict
        if settings.cache.max_bytes != self._in_force.settings.cache.max_bytes:
            resized = self._renditions.resize(settings.cache.max_bytes)
            self._tasks.start("cache.resize", resized)
        self._in_force.settings = settings
