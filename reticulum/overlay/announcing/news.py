"""Images that came or went since the sweep passed them: announced or withdrawn at once."""

from collections.abc import Mapping

import attrs

from reticulum.model import Key
from reticulum.overlay.announcing.region import Region


@attrs.frozen
class Change:
    """
    What to tell about one key.

    Args:
        held: Whether the image is here now.
        size_class: Of the image, 0 to 63.
    """

    held: bool
    size_class: int = 0


class News:
    """
    Changes that are to be told, the oldest first; of each key the last.

    When there are too many the oldest ones are forgotten: the sweep tells what is held, and a
    record that nobody withdrew expires.

    Args:
        most: Changes remembered.
    """

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._changes: dict[Key, Change] = {}

    def __len__(self) -> int:
        return len(self._changes)

    def add(self, key: Key, change: Change) -> None:
        """Note a change; an earlier one of the same key is forgotten."""
        self._changes.pop(key, None)
        self._changes[key] = change
        if len(self._changes) > self._most:
            del self._changes[next(iter(self._changes))]

    def oldest(self, bits: int) -> tuple[Region, dict[Key, Change]] | None:
        """
        Name what one lookup can serve: the oldest change, and all others in its region.

        Args:
            bits: Of a region.

        Returns:
            The region and its changes, which stay until they are `told`; None if there are none.
        """
        first = next(iter(self._changes), None)
        if first is None:
            return None
        region = Region.around(first, bits)
        return region, {key: c for key, c in self._changes.items() if key in region}

    def told(self, changes: Mapping[Key, Change]) -> None:
        """Forget changes that were told, unless a key has changed again."""
        for key, change in changes.items():
            if self._changes.get(key) is change:
                del self._changes[key]

    def postpone(self, changes: Mapping[Key, Change]) -> None:
        """Put changes that could not be told behind all others, unless a key has changed again."""
        for key, change in changes.items():
            if self._changes.get(key) is change:
                del self._changes[key]
                self._changes[key] = change
