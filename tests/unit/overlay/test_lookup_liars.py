"""Lookups among liars: they end, and what honest nodes would have found is found."""

import pytest
from unit.overlay.lookup_network import (
    Answer,
    Lie,
    Network,
    Run,
    closest,
    contact,
    dice,
    random_key,
)

from reticulum.model import Address, Contact, Key
from reticulum.overlay.inquiry import Limits, Want
from reticulum.overlay.lookup import Lookup
from reticulum.overlay.rtt import RoundTrips
from reticulum.overlay.trace import State

NODES = 400
SEED = 3


def near(target: Key, bits: int, salt: int) -> Contact:
    """A made-up node whose distance to *target* has at most so many bits."""
    return contact(target.number ^ (salt * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**bits))


def makes_up_neighbours(asked: Contact, target: Key) -> Answer:
    """Five thousand of them, all closer than anyone real."""
    return [near(target, 140, asked.node_id.number + salt) for salt in range(5000)], {}


def names_itself(asked: Contact, _target: Key) -> Answer:
    return [asked] * 100, {}


def repeats_one(_asked: Contact, target: Key) -> Answer:
    return [near(target, 100, 1)] * 5000, {}


def forges_the_target(asked: Contact, target: Key) -> Answer:
    return [Contact(target, Address("203.0.113.1", asked.address.port))], {}


def is_silent(_asked: Contact, _target: Key) -> Answer | None:
    return None


def liars(network: Network, lie: Lie, share: float) -> None:
    for node in network.random_.sample(list(network.tables), int(NODES * share)):
        network.lies[node] = lie


def forges_addresses(network: Network) -> Lie:
    """The right neighbours, each where nobody is."""

    def lie(_asked: Contact, target: Key) -> Answer:
        nearest = closest(network.tables, target, 28)
        return [Contact(c.node_id, Address("203.0.113.1", 1)) for c in nearest], {}

    return lie


def names_the_farthest(network: Network) -> Lie:
    def lie(_asked: Contact, target: Key) -> Answer:
        opposite = Key((target.number ^ (2**160 - 1)).to_bytes(20))
        return closest(network.tables, opposite), {}

    return lie


def names_who_asks(network: Network) -> Lie:
    def lie(_asked: Contact, _target: Key) -> Answer:
        return [min(network.tables, key=lambda c: c.node_id)], {}

    return lie


LIES = {
    "makes up neighbours": lambda _network: makes_up_neighbours,
    "names itself": lambda _network: names_itself,
    "repeats one": lambda _network: repeats_one,
    "forges the target": lambda _network: forges_the_target,
    "forges addresses": forges_addresses,
    "names the farthest": names_the_farthest,
    "names who asks": names_who_asks,
    "is silent": lambda _network: is_silent,
}


def some_lookups(network: Network, want: Want = Want.NODES) -> list[tuple[Key, Contact, Run]]:
    random_ = dice(SEED)
    honest = [node for node in network.tables if node not in network.lies]
    runs = []
    for _ in range(8):
        own, target = random_.choice(honest), random_key(random_)
        runs.append((target, own, network.look_up(own, target, want=want)))
    return runs


@pytest.mark.parametrize("lie", LIES)
def test_one_liar_in_ten_changes_no_result(lie: str) -> None:
    """All honest nodes among the k closest are found, nobody made up is, in under 2 s."""
    network = Network.grown(SEED, NODES)
    liars(network, LIES[lie](network), share=0.1)

    for target, own, run in some_lookups(network):
        found = set(run.result.closest)
        honest = {node for node in network.truth(target, own) if node not in network.lies}
        assert honest <= found
        assert found <= set(network.tables)
        assert run.took_s < 2
        assert run.result.asked <= 150


def test_target_is_found_behind_forged_addresses() -> None:
    """One liar in ten says that the node looked for is where nobody is."""
    network = Network.grown(SEED, NODES)
    liars(network, forges_addresses(network), share=0.1)
    honest = [node for node in network.tables if node not in network.lies]

    for own, wanted in zip(honest[:10], honest[10:20], strict=True):
        assert wanted == network.look_up(own, wanted.node_id, want=Want.NODE).result.found


def test_nothing_but_lies_ends_too() -> None:
    """When all but oneself make up neighbours, the bounds on peers and time hold."""
    network = Network.grown(SEED, NODES)
    liars(network, makes_up_neighbours, share=1.0)
    own = next(iter(network.tables))
    limits = Limits(most_asked=100, deadline_s=5)
    run = network.look_up(own, random_key(network.random_), limits=limits)

    assert run.result.asked <= 100
    assert run.took_s <= 5
    assert len(run.lookup.trace()) <= 20 + 100 * limits.most_named


def test_one_liar_may_have_half_the_slots_tried() -> None:
    """Until one of its referrals has answered, no more than alpha/2 of them are asked."""
    network = Network.grown(SEED, NODES)
    liars(network, makes_up_neighbours, share=1.0)
    own, first, *_ = network.tables
    lookup = network.look_up(own, random_key(network.random_), start=[first]).lookup

    at_once = [hop for hop in lookup.trace() if hop.asked_at and hop.asked_at < 0.2]
    assert 5 == len(at_once)
    assert State.DEAD is at_once[0].state


def started(start: list[Contact], target: Key, **limits: int) -> Lookup[str]:
    """A lookup that has asked the first ones of *start*."""
    own = Key(bytes(20))
    timeout_s = RoundTrips().timeout_s
    lookup: Lookup[str] = Lookup(
        target,
        want=Want.NODES,
        own=own,
        start=start,
        timeout_s=timeout_s,
        at=0.0,
        limits=Limits(**limits),
    )
    lookup.tick(0.0)
    return lookup


def test_an_address_has_one_place() -> None:
    """Whoever answers under many ids at one address counts once, and is asked nothing more."""
    honest, liar, other = contact(2**150 + 1), contact(2**155 + 2), contact(2**151 + 3)
    target = Key(bytes(19) + b"\x07")
    names = [Contact(near(target, 100, salt).node_id, liar.address) for salt in range(30)]
    lookup = started([honest, liar, names[0]], target, k=3)

    asked = lookup.answered(liar, 0.1, names)
    asked += lookup.answered(names[0], 0.1, names)
    asked += lookup.answered(honest, 0.2, [other])
    assert [other] == [ask.contact for ask in asked]
    lookup.answered(other, 0.3)
    assert (honest, other, liar) == lookup.result().closest


def test_an_honest_address_under_a_made_up_id_hides_nobody() -> None:
    """A node is asked and found although another id, that never answers, is said to be there."""
    honest, liar = contact(2**150 + 1), contact(2**155 + 2)
    target = Key(bytes(19) + b"\x07")
    lookup = started([liar], target, k=2)

    fake = Contact(near(target, 100, 1).node_id, honest.address)
    asked = lookup.answered(liar, 0.1, [fake, honest])
    assert {fake, honest} == {ask.contact for ask in asked}
    lookup.answered(honest, 0.2)
    assert (honest, liar) == lookup.result().closest
