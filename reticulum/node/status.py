"""The node in values that JSON can hold."""

from collections.abc import Callable
from typing import Any

import attrs

from reticulum import __version__

Report = Callable[[], dict[str, Any]]


@attrs.frozen(kw_only=True)
class Status:
    """
    What `GET /v1/status` tells; holds no secrets, because everybody may ask.

    Args:
        node_id: Of this node.
        zone: As the operator named it.
        now: Seconds, monotonic.
        started_at: The same clock, when the node was built.
        reports: Name of a part to what it says of itself.
    """

    _node_id: str
    _zone: str
    _now: Callable[[], float]
    _started_at: float
    _reports: dict[str, Report]

    def __call__(self) -> dict[str, Any]:
        """Everything, asked of each part at this moment."""
        node = {
            "id": self._node_id,
            "version": __version__,
            "zone": self._zone,
            "uptime_s": round(self._now() - self._started_at, 1),
        }
        return {"node": node, **{name: report() for name, report in self._reports.items()}}
