"""Notices when images are short of copies, when all are safe again, and what it took."""

import attrs

from reticulum.cli.demo.counting import Tally
from reticulum.cli.demo.events import Reporter, counted

_QUIET_S = 2.0
"""Copies that are made one by one are told together."""


@attrs.define
class Healing:
    """
    How images get their copies back.

    Args:
        reporter: Is told.
        healed_s: How long the last time took that images were short; None before it.
    """

    _reporter: Reporter
    healed_s: float | None = attrs.field(default=None, init=False)
    _short_since: float | None = attrs.field(default=None, init=False)
    _is_hurt: bool = attrs.field(default=False, init=False)
    _copies: int = attrs.field(default=0, init=False)
    _copied_at: float = attrs.field(default=0.0, init=False)
    _is_new: bool = attrs.field(default=False, init=False)

    def hurt(self) -> None:
        """A node was killed."""
        self._is_hurt = True

    def copied(self, count: int) -> None:
        """So many images came to a node that had them not."""
        if self._is_hurt and count:
            self._copies += count
            self._is_new = True

    def look(self, tally: Tally, now: float) -> None:
        """See how the images do now."""
        if self._is_new:
            self._is_new, self._copied_at = False, now
        is_over = tally.is_safe and self._short_since is not None
        if self._copies and (is_over or now - self._copied_at >= _QUIET_S):
            text = f"{counted(self._copies, 'copy', 'copies')} repaired"
            self._reporter.tell("repaired", text, copies=self._copies)
            self._copies = 0
        if not tally.is_safe:
            self._short_since = now if self._short_since is None else self._short_since
        elif self._short_since is not None:
            self._over(tally, now - self._short_since)
        else:
            self._is_hurt = False

    def _over(self, tally: Tally, seconds: float) -> None:
        self.healed_s = seconds
        copies = counted(tally.wanted, "copy", "copies")
        again = " again" if self._is_hurt else ""
        text = f"all images have {copies}{again} after {seconds:.0f} s"
        if tally.images:
            kind = "healed" if self._is_hurt else "safe"
            self._reporter.tell(kind, text, healed_s=round(seconds, 1), images=tally.images)
        self._short_since = None
        self._is_hurt = False
