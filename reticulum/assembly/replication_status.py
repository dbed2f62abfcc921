"""How replication does, in values that JSON can hold."""

from typing import Any

import attrs

from reticulum.assembly.stores import Stores
from reticulum.replication.handover import Handover
from reticulum.replication.keeper import Keeper
from reticulum.replication.spread import Spread
from reticulum.replication.tending import Tending


def replication_status(
    keeper: Keeper,
    tending: Tending,
    handover: Handover,
    spread: Spread,
    stores: Stores,
) -> dict[str, Any]:
    """Counters since the start, and what is so now."""
    census, scrub, watching = keeper.census, keeper.scrub, keeper.watching
    return {
        "members": len(keeper.landscape.alive()) + 1,
        "settled": keeper.landscape.settled,
        "given": handover.given,
        "given_bytes": handover.given_bytes,
        "taken": handover.taken,
        "failed": handover.failed,
        "refused": handover.refused,
        "repaired": tending.repaired,
        "dropped": tending.dropped,
        "released": spread.released,
        "hints": {"owed": len(stores.hints), "paid": keeper.paying.paid},
        "census": {"rounds": census.rounds, "checked": census.checked, "short": census.short},
        "scrub": {
            "checked": scrub.checked,
            "damaged": scrub.damaged,
            "restored": scrub.restored,
            "lost": scrub.lost,
        },
        "read_repair": {"checked": watching.checked, "skipped": watching.dropped},
        "spot_checks": {"checked": keeper.spot_check.checked, "alarms": keeper.spot_check.alarms},
        "doubt": {
            "active": stores.doubt.active,
            "cleared": keeper.doubting.cleared,
            "set_aside": keeper.doubting.set_aside,
        },
        "drain": attrs.asdict(keeper.drain.report),
    }
