"""Asks one node what it knows near a key, for crawls and for whoever wants to know it exactly."""

from reticulum.errors import BadRecord, OutOfTime, WrongAnswer
from reticulum.model import Contact, Key, NodeId
from reticulum.overlay.crawl import Told
from reticulum.overlay.exchange import Exchange
from reticulum.overlay.messages import Find, Found, Want
from reticulum.overlay.question import Miss, Reply
from reticulum.overlay.records import NodeRecord, Verification


async def ask_nearby(exchange: Exchange, now: float, contact: Contact, target: Key) -> Told:
    """
    Ask *contact* alone; for its record if *target* is its own id, else whether it holds that.

    Args:
        exchange: To ask with.
        now: Seconds since 1970, before it is asked.
        contact: Whom.
        target: Key.

    Raises:
        OutOfTime: No answer.
        WrongAnswer: Another node is there, or nonsense.
    """
    is_own = target == contact.node_id
    want = Want.NODES | (Want.RECORD if is_own else Want.HOLDERS)
    question = Find(target=target, want=want)
    outcome = await exchange.asking(contact.address, question, node_id=contact.node_id)
    if isinstance(outcome, Reply) and isinstance(outcome.body, Found):
        found = outcome.body
        return Told(
            closer=found.closer,
            holds=found.holds,
            rtt_s=outcome.rtt_s,
            server=outcome.server,
            record=believed(found.record, contact.node_id, now) if is_own else None,
            # It answered about half way between question and answer (RFC 5905, section 8).
            clock_off_s=outcome.clock_ms / 1000 - (now + outcome.rtt_s / 2),
            boot=outcome.boot,
        )
    if outcome is Miss.REFUSED:
        raise WrongAnswer(f"{contact.address} is not the node that was asked")
    why = outcome.value if isinstance(outcome, Miss) else "no answer"
    raise OutOfTime(f"{contact.address}: {why}")


def believed(record: NodeRecord | None, speaker: NodeId, now: float) -> NodeRecord | None:
    """The *record* if it is there and one of *speaker* that holds *now*, seconds since 1970."""
    if record is None:
        return None
    try:
        Verification().verify(record, now, speaker)
    except BadRecord:
        return None
    return record
