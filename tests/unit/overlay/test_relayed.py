"""Relayed nodes: which ones a node names, in which order, and what a lookup makes of hearsay."""

import random
from collections.abc import Iterable

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from overlay_strategies import NOW, key, keys, node_record, private_key

from reticulum.model import Address, Contact, Key, NodeId
from reticulum.overlay.hearsay import MOST_ALONE, MOST_KEPT, WANTED, Hearsay
from reticulum.overlay.keeping import FRESH_S, Keeping
from reticulum.overlay.messages import Found
from reticulum.overlay.records import NodeRecord, Role
from reticulum.overlay.records.by_distance import ByDistance
from reticulum.overlay.relayed import MOST_TOLD, Relayed

RELAYS = tuple(Contact(key(n), Address(f"192.0.2.{n}", 4160)) for n in (101, 102, 103))
OWN = RELAYS[0]


@given(st.lists(keys(), max_size=40), st.lists(keys(), max_size=10), keys())
def test_by_distance(added: list[Key], dropped: list[Key], target: Key) -> None:
    """Every id that is there, once, the closest first."""
    several = ByDistance()
    for one in [*added, *added]:
        several.add(one)
    for one in [*dropped, *added[:5]]:
        several.discard(one)

    here = set(added) - set(dropped) - set(added[:5])
    assert sorted(here, key=target.distance) == list(several.nearest(target))
    assert len(here) == len(several)


def test_by_distance_while_it_changes() -> None:
    """Who names them may drop those that are stale."""
    several = ByDistance()
    for number in range(20):
        several.add(key(number))
    for one in several.nearest(key(99)):
        several.discard(one)
    assert [] == list(several.nearest(key(99)))


@attrs.define
class Time:
    now: float = NOW


@attrs.define
class Bench:
    """What one relay knows."""

    time: Time
    keeping: Keeping
    attached: set[NodeId]
    addresses: tuple[Address, ...]
    relayed: Relayed

    @classmethod
    def made(cls) -> "Bench":
        time = Time()
        keeping = Keeping(OWN.node_id, bytes(32), lambda: time.now)
        attached: set[NodeId] = set()
        bench = cls(time, keeping, attached, (OWN.address,), None)  # type: ignore[arg-type]
        bench.relayed = Relayed(
            OWN.node_id, keeping=keeping, attached=attached, addresses=lambda: bench.addresses
        )
        return bench

    def keep(self, number: int, *relays: Contact, **fields: object) -> NodeRecord:
        record = told_by(number, *relays, **fields)
        kept, refused = self.keeping.keep([record])
        assert (1, {}) == (kept, refused)
        return record


def told_by(number: int, *relays: Contact, **fields: object) -> NodeRecord:
    usual = {"addresses": (), "role": Role.CLIENT, "sequence": 1, "now": NOW, "relays": relays}
    return NodeRecord.sign(private_key(number), **usual | fields)


def test_named_by_way_of_the_first_relay() -> None:
    """Clients with relays, the closest first; nobody else."""
    here = Bench.made()
    behind = [here.keep(number, *RELAYS[1:]) for number in range(1, 8)]
    here.keep(20)
    here.keep(21, *RELAYS, role=Role.SERVER)
    here.keeping.keep([node_record(22)])

    target = key(5)
    named, left = here.relayed.page(target, 0)
    order = sorted((record.speaker for record in behind), key=target.distance)
    assert [Contact(one, RELAYS[1].address, via=RELAYS[1].node_id) for one in order] == list(named)
    assert 0 == left
    assert named[:3] == here.relayed.nearest(target, 3)


def test_pages() -> None:
    """Twenty at a time, all of them in the end, each once."""
    here = Bench.made()
    for number in range(50):
        here.keep(number, RELAYS[1])
    seen: list[Contact] = []
    left = 1
    while left:
        named, left = here.relayed.page(key(5), len(seen))
        assert len(named) <= MOST_TOLD
        seen += named
        assert 50 == len(seen) + left
    assert 50 == len(set(seen))


def test_whom_it_relays_for_it_names_itself() -> None:
    """Its own word is certain; and it knows of those that say so, and are not attached."""
    here = Bench.made()
    record = here.keep(1, *RELAYS[1:], OWN)
    node_id = record.speaker
    assert RELAYS[1].node_id == here.relayed.nearest(key(5), 1)[0].via

    here.attached.add(node_id)
    assert node_id in here.relayed
    assert (Contact(node_id, OWN.address, via=OWN.node_id),) == here.relayed.nearest(key(5), 1)
    here.addresses = ()  # it does not know yet where it is: the node does
    assert (Contact(node_id, OWN.address, via=OWN.node_id),) == here.relayed.nearest(key(5), 1)

    here.attached.clear()
    here.keep(1, OWN, sequence=2)
    assert () == here.relayed.nearest(key(5), 1)


@pytest.mark.parametrize("news", [{"relays": ()}, {"role": Role.SERVER}], ids=str)
def test_who_is_relayed_no_more_is_named_no_more(news: dict[str, object]) -> None:
    """Its newest record counts."""
    here = Bench.made()
    here.keep(1, RELAYS[1])
    here.keep(1, RELAYS[1], **{"sequence": 2, **news})
    assert ((), 0) == here.relayed.page(key(5), 0)


def test_who_is_gone_is_named_no_more() -> None:
    """After a quarter of an hour without a word of it; its record is still here, for who asks."""
    here = Bench.made()
    record = here.keep(1, RELAYS[1])
    here.time.now += FRESH_S
    assert 1 == len(here.relayed.page(key(5), 0)[0])
    here.time.now += 1
    assert ((), 0) == here.relayed.page(key(5), 0)
    assert record == here.keeping.node(record.speaker)

    here.keep(1, RELAYS[1], sequence=2, now=here.time.now)
    assert 1 == len(here.relayed.page(key(5), 0)[0])


def test_the_node_itself_is_never_named() -> None:
    """It keeps its own record where it is among the closest."""
    record = told_by(1, RELAYS[1])
    keeping = Keeping(record.speaker, bytes(32), lambda: NOW)
    keeping.keep([record])
    relayed = Relayed(record.speaker, keeping=keeping, attached=(), addresses=lambda: ())
    assert ((), 0) == relayed.page(key(5), 0)


TARGET, LOOKER = key(1000), key(2000)
PEERS = tuple(Contact(key(n), Address(f"10.0.0.{n}", 4160)) for n in range(1, 9))


def way(number: int, relay: Contact = RELAYS[1]) -> Contact:
    return Contact(key(number), relay.address, via=relay.node_id)


def nearest(ways: Iterable[Contact], most: int) -> list[Contact]:
    return sorted(ways, key=lambda one: one.node_id.distance(TARGET))[:most]


def near(number: int) -> Contact:
    """Made up, nearer to the target than any real node."""
    node_id = Key((TARGET.number ^ number).to_bytes(20))
    return Contact(node_id, RELAYS[2].address, via=RELAYS[2].node_id)


def heard(*answers: Iterable[Contact], own: NodeId = LOOKER) -> Hearsay:
    hearsay = Hearsay(TARGET, own)
    for peer, ways in zip(PEERS, answers, strict=False):
        hearsay.take(peer, Found(relayed=tuple(ways)))
    return hearsay


def test_the_closest_of_all_that_are_named() -> None:
    """Whoever names them, the nearest first, a few more than are wanted."""
    ways = [way(number) for number in range(60)]
    dice = random.Random(1)  # noqa: S311  (to be repeatable)
    hearsay = heard(*(nearest(dice.sample(ways, 40), 20) for _ in PEERS))
    assert nearest(ways, WANTED) == list(hearsay.nearest())[:WANTED]
    assert MOST_KEPT >= len(hearsay.nearest())


def test_a_single_peer_is_believed() -> None:
    """In a grid with one server there is no other voice."""
    ways = [way(number) for number in range(30)]
    assert nearest(ways, MOST_KEPT) == list(heard(ways).nearest())


def test_one_liar_hides_nobody() -> None:
    """It fills the whole neighbourhood: a few of its nodes are listed, and all that others name."""
    real = [way(number) for number in range(20)]
    lies = [near(number) for number in range(200)]
    named = heard(real, real, lies).nearest()
    assert set(real) <= set(named)
    assert MOST_KEPT - len(real) >= sum(one in lies for one in named) >= MOST_ALONE


def test_more_voices_decide_between_two_relays() -> None:
    """One that is said to be newer would be any liar's; of equals the peer nearest to it counts."""
    one, other = way(9), way(9, RELAYS[2])
    assert [one] == list(heard([one], [other], [one]).nearest())
    by_distance = sorted(PEERS[:2], key=lambda peer: one.node_id.distance(peer.node_id))
    hearsay = Hearsay(TARGET, LOOKER)
    hearsay.take(by_distance[1], Found(relayed=(other,)))
    hearsay.take(by_distance[0], Found(relayed=(one,)))
    assert [one] == list(hearsay.nearest())


def test_what_it_keeps_itself_needs_no_second_voice() -> None:
    """Those records were checked here."""
    lies = [near(number) for number in range(200)]
    real = [way(number) for number in range(20)]
    hearsay = heard(lies, [])
    hearsay.hear(LOOKER, real)
    assert set(real) <= set(hearsay.nearest())


def test_itself_is_not_named() -> None:
    """Others keep its record, too."""
    assert [way(2)] == list(heard([way(1), way(2)], own=key(1)).nearest())


def test_only_those_are_read_on_that_may_know_somebody_nearer() -> None:
    """A list that goes on behind the twenty nearest is of no use; one that ends before them is."""
    ways = nearest([way(number) for number in range(60)], 60)
    hearsay = heard(ways[:20])
    hearsay.take(PEERS[1], Found(relayed=tuple(ways[:25]), left=35))
    assert [] == hearsay.unread()
    hearsay.take(PEERS[2], Found(relayed=tuple(ways[3:6]), left=30))
    ((contact, page),) = hearsay.unread()
    assert (PEERS[2], 3) == (contact, page.offset)

    few = Hearsay(TARGET, LOOKER)
    few.take(PEERS[0], Found(relayed=tuple(ways[:5]), left=1))
    assert 1 == len(few.unread())
    few.take(PEERS[0], Found())
    assert [] == few.unread()
