"""How a node of the overlay does, gathered from its parts."""

from reticulum.overlay.parts import Parts
from reticulum.overlay.views import OverlayStatus, StandingView


def status_of(parts: Parts, *, now: float, at: float) -> OverlayStatus:
    """
    Gather how a node does.

    Args:
        parts: Of the node.
        now: Seconds since 1970.
        at: Seconds of its clock.
    """
    tally, refusals = parts.tally, parts.courier.refusals
    return OverlayStatus(
        node_id=parts.own,
        role=parts.standing.role,
        joined=parts.upkeep.has_joined and parts.upkeep.is_in,
        peers=parts.neighbours.count,
        records=len(parts.keeping),
        images=len(parts.announcer.keys),
        news=len(parts.announcer.news),
        behind_s=max(now - parts.announcer.sweep.due, 0.0),
        outstanding=parts.exchange.outstanding,
        questions=tally.questions,
        answered=tally.answered,
        served=tally.served,
        dropped=tally.dropped,
        nonsense=tally.nonsense,
        refused=refusals.counts,
        wrong_clocks=refusals.wrong_clocks(now),
        twins=parts.twins.found(at),
        seen=parts.vantage.address,
    )


def standing_of(parts: Parts) -> StandingView:
    """Whether others reach a node, and how that is known."""
    standing, vantage = parts.standing, parts.vantage
    return StandingView(
        role=standing.role,
        is_settled=standing.has_verdict,
        count=standing.count,
        seen=vantage.address,
        seen_ports=vantage.ports,
        port=standing.port,
    )
