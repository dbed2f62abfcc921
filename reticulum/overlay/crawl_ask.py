"""Asks one node: whether it is there, what it knows near a key, whom it knows behind relays."""

from collections.abc import Sequence

from reticulum.errors import BadRecord, OutOfTime, WrongAnswer
from reticulum.model import Address, Contact, Key, NodeId
from reticulum.overlay.crawl import Told
from reticulum.overlay.exchange import Exchange
from reticulum.overlay.messages import NO_PAGE, Find, Found, Page, Ping, Pong, Want
from reticulum.overlay.question import Miss, Outcome, Reply
from reticulum.overlay.records import NodeRecord, Verification
from reticulum.overlay.views import Answer

MOST_PAGES = 32
"""Answers that one list is read from."""


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
    raise _missed(outcome, contact.address)


async def ask_for_relayed(exchange: Exchange, contact: Contact) -> Sequence[Contact]:
    """
    Ask *contact* for the nodes behind relays that it knows, or relays for: up to a few hundred.

    Args:
        exchange: To ask with.
        contact: Whom.

    Raises:
        OutOfTime: No answer.
        WrongAnswer: Another node is there, or nonsense.
    """
    named: dict[NodeId, Contact] = {}
    own = contact.node_id
    # A list goes on for 255 entries; the other end of a longer one is nearest to this.
    farthest = Key(bytes(byte ^ 0xFF for byte in own.digest))
    for target in (own, farthest):
        page: Page | None = NO_PAGE
        for _ in range(MOST_PAGES):
            question = Find(target=target, want=Want.RELAYED, page=page or NO_PAGE)
            outcome = await exchange.asking(contact.address, question, node_id=own)
            if not isinstance(outcome, Reply) or not isinstance(outcome.body, Found):
                raise _missed(outcome, contact.address)
            named |= {way.node_id: way for way in outcome.body.relayed}
            left, page = outcome.body.left, outcome.body.next_page
            if page is None:
                break
        if not left:
            break
    return tuple(named.values())


async def ask_whether_there(exchange: Exchange, ping: Ping, to: Contact | Address) -> Answer:
    """
    Ask whether a node is there.

    Args:
        exchange: To ask with.
        ping: What to say.
        to: Whom; of an address whoever is there.

    Raises:
        OutOfTime: No answer.
        WrongAnswer: Another node is there, or nonsense.
    """
    address, node_id = (to, None) if isinstance(to, Address) else (to.address, to.node_id)
    outcome = await exchange.asking(address, ping, node_id=node_id)
    if isinstance(outcome, Reply) and isinstance(outcome.body, Pong):
        return Answer(
            contact=outcome.contact,
            rtt_s=outcome.rtt_s,
            server=outcome.server,
            software=outcome.body.software,
            seen=outcome.body.seen,
        )
    raise _missed(outcome, address)


def _missed(outcome: Outcome, address: Address) -> OutOfTime | WrongAnswer:
    if outcome is Miss.REFUSED:
        return WrongAnswer(f"at {address} answers another node, or nonsense")
    why = outcome.value if isinstance(outcome, Miss) else "no answer"
    return OutOfTime(f"{address}: {why}")


def believed(record: NodeRecord | None, speaker: NodeId, now: float) -> NodeRecord | None:
    """The *record* if it is there and one of *speaker* that holds *now*, seconds since 1970."""
    if record is None:
        return None
    try:
        Verification().verify(record, now, speaker)
    except BadRecord:
        return None
    return record
