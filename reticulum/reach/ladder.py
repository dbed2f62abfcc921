"""
The ladder that a node climbs to be reached, as one machine: where it stands, and what that needs.

::

    looking ──(dialled back)──────────> public
       │ └────(a relay took it)───────> relayed ──(dialled back)──> public
       └──────(nobody did, in time)───> unreachable ──(either)────> …

From everywhere it goes back to looking when the node has no neighbours or is in another network.
"""

import enum
from collections.abc import Callable

import attrs
from twisted.logger import Logger

HURRY_S = 0.7
"""After joining, before relays are asked for: by then most public nodes have been dialled back."""
PATIENCE_S = 10.0
"""After joining, or after it was reached last, before a node that nobody reaches says so."""

_log = Logger()


class Standing(enum.StrEnum):
    """How a node is reached."""

    LOOKING = "looking"
    PUBLIC = "public"
    RELAYED = "relayed"
    UNREACHABLE = "unreachable"


@attrs.frozen(kw_only=True)
class Footing:
    """
    What the next step depends on.

    Args:
        is_in: Whether the node has neighbours in its grid.
        is_public: Whether others have dialled it back.
        relays: How many have taken it.
    """

    is_in: bool
    is_public: bool
    relays: int


class Ladder:
    """
    Where a node stands.

    Args:
        footing: Asked at each look.
        seconds: Monotonic.
        changed: Told each new standing.
    """

    def __init__(
        self,
        footing: Callable[[], Footing],
        *,
        seconds: Callable[[], float],
        changed: Callable[[Standing], None],
    ) -> None:
        self._footing = footing
        self._seconds = seconds
        self._changed = changed
        self._in_since: float | None = None
        self._alone_since = 0.0
        self._standing = Standing.LOOKING

    @property
    def standing(self) -> Standing:
        """Where it stands now."""
        return self._step(self._footing())

    @property
    def needs_relays(self) -> bool:
        """Whether others can't reach it but through relays, as far as can be told by now."""
        footing = self._footing()
        self._step(footing)
        return footing.is_in and not footing.is_public and self._in_for_s >= HURRY_S

    def begin_anew(self) -> None:
        """The machine is in another network now."""
        self._in_since = None
        self._become(Standing.LOOKING)

    @property
    def _in_for_s(self) -> float:
        return 0.0 if self._in_since is None else self._seconds() - self._in_since

    def _step(self, footing: Footing) -> Standing:
        now = self._seconds()
        if not footing.is_in:
            self._in_since = None
        elif self._in_since is None:
            self._in_since = self._alone_since = now
        if footing.is_public or footing.relays:
            self._alone_since = now
        self._become(self._next(footing))
        return self._standing

    def _next(self, footing: Footing) -> Standing:
        if not footing.is_in:
            return Standing.LOOKING
        if footing.is_public:
            return Standing.PUBLIC
        if footing.relays:
            return Standing.RELAYED
        if self._seconds() - self._alone_since < PATIENCE_S:
            # Who has just lost its last relay is about to get another one.
            return Standing.LOOKING
        return Standing.UNREACHABLE

    def _become(self, standing: Standing) -> None:
        if standing is self._standing:
            return
        before, self._standing = self._standing, standing
        _log.info("reach.became {after} before={before}", after=standing, before=before)
        self._changed(standing)
