"""How the overlay does, in values that JSON can hold."""

from typing import Any

from reticulum.overlay.node import OverlayNode


def overlay_status(overlay: OverlayNode) -> dict[str, Any]:
    """What it is, whom it knows, what it has refused."""
    status = overlay.status()
    return {
        "role": str(status.role.name).lower(),
        "joined": status.joined,
        "peers": status.peers,
        "records": status.records,
        "announced": status.images,
        "seen_as": None if status.seen is None else str(status.seen),
        "refused": {reason.name.lower(): count for reason, count in status.refused.items()},
        "wrong_clocks": [
            {"address": str(clock.address), "off_s": clock.off_s} for clock in status.wrong_clocks
        ],
        "twins": [
            {
                "id": str(twin.node_id),
                "addresses": [str(address) for address in twin.addresses],
                "own": twin.own,
            }
            for twin in status.twins
        ],
    }
