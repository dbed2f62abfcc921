"""The settings that can change in a running node, and where they are in force."""

import attrs

from reticulum.assembly.http import Door
from reticulum.node.tasks import Tasks
from reticulum.settings import Settings, refuse_unsafe
from reticulum.storage.renditions import RenditionsOnDisk
from reticulum.web.keys import Keys


@attrs.define
class Live:
    """The settings that can change in a running node, and where they are in force."""

    settings: Settings
    _doors: tuple[Door, ...]
    _keys: Keys
    _renditions: RenditionsOnDisk
    _tasks: Tasks

    def apply(self, settings: Settings) -> None:
        """Put *settings* into force as far as a running node can."""
        refuse_unsafe(attrs.evolve(self.settings, http=settings.http))
        self._keys.accepted = settings.http.upload_keys
        for door in self._doors:
            door.intake.max_bytes = settings.http.max_upload_bytes
            door.intake.max_uploads = settings.http.max_uploads
            door.intake.deadline_s = settings.http.upload_deadline_s
            door.site.max_connections = settings.http.max_connections
        if settings.cache.max_bytes != self.settings.cache.max_bytes:
            resized = self._renditions.resize(settings.cache.max_bytes)
            self._tasks.start("cache.resize", resized)
        self.settings = settings
