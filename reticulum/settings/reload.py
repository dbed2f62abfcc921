"""Settings read again in a running node: what can change does, what cannot is named."""

from collections.abc import Callable
from typing import Any

import attrs
from twisted.logger import Logger

from reticulum.errors import BadSettings
from reticulum.settings.sections import Settings, declared

_log = Logger()


@attrs.define
class Reload:
    """
    On SIGHUP: read, compare, apply.

    Args:
        current: In force now.
        read: Reads all sources again.
        apply: Puts the live settings of what it is given into force.
    """

    _current: Settings
    _read: Callable[[], Settings]
    _apply: Callable[[Settings], None]

    def __call__(self) -> None:
        """Never raises for a bad file: the node goes on with what it has."""
        try:
            wanted = self._read()
        except BadSettings as error:
            _log.error("settings.kept reason={reason}", reason=str(error))
            return
        changed = differences(self._current, wanted)
        live = [name for name, is_live in changed if is_live]
        frozen = [name for name, is_live in changed if not is_live]
        try:
            self._apply(wanted)
        except BadSettings as error:
            _log.error("settings.kept reason={reason}", reason=str(error))
            return
        self._current = _with_live(self._current, wanted)
        _log.info("settings.read changed={changed}", changed=", ".join(live) or "nothing")
        if frozen:
            _log.warn("settings.need_restart names={names}", names=", ".join(frozen))


def differences(old: Settings, new: Settings) -> list[tuple[str, bool]]:
    """Name of every setting that differs, and whether it can change in a running node."""
    return [
        (f"{section.name}.{field.name}", field.metadata["live"])
        for section, field in declared()
        if getattr(getattr(old, section.name), field.name)
        != getattr(getattr(new, section.name), field.name)
    ]


def _with_live(old: Settings, new: Settings) -> Settings:
    sections: dict[str, Any] = {}
    for section, field in declared():
        if field.metadata["live"]:
            part = sections.get(section.name, getattr(old, section.name))
            value = getattr(getattr(new, section.name), field.name)
            sections[section.name] = attrs.evolve(part, **{field.name: value})
    return attrs.evolve(old, **sections)
