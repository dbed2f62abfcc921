"""The lookup: whom it asks, when it gives up on whom, and when it ends."""

import itertools

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.overlay.lookup_network import Network, contact

from reticulum.model import Contact, Key
from reticulum.overlay.inquiry import Ask, Ending, Limits, Want
from reticulum.overlay.lookup import MOST_HOLDERS, Lookup
from reticulum.overlay.messages.bodies import Page
from reticulum.overlay.trace import DownHint, State, route

TARGET = Key(bytes(20))
OWN = contact(2**159)
SOFT_S = 0.2


def lookup(
    *start: int, want: Want = Want.NODES, limits: Limits | None = None, target: Key = TARGET
) -> Lookup[str]:
    """To zero: a node's number is its distance."""
    return Lookup(
        target,
        want=want,
        own=OWN.node_id,
        start=[contact(number) for number in start],
        timeout_s=lambda _peer: SOFT_S,
        at=0.0,
        limits=limits,
    )


def numbers(asks: list[Ask]) -> list[int]:
    return [ask.contact.node_id.number for ask in asks]


def states(machine: Lookup[str]) -> dict[int, str]:
    return {hop.contact.node_id.number: hop.state.value for hop in machine.trace()}


def closest(machine: Lookup[str]) -> list[int]:
    return [peer.node_id.number for peer in machine.result().closest]


def test_closest_are_asked_first_and_only_alpha_of_them() -> None:
    """The start may come in any order; slots are given to the nearest."""
    machine = lookup(*range(40, 0, -1))

    assert list(range(1, 11)) == numbers(machine.tick(0.0))
    assert [] == machine.tick(0.1)


def test_each_answer_frees_a_slot_at_once() -> None:
    """There are no rounds: an answer is followed by a question, nearest first."""
    machine = lookup(*range(100, 120), limits=Limits(alpha=2))
    first = machine.tick(0.0)

    asks = machine.answered(first[1].contact, 0.05, [contact(7), contact(3)])

    assert [100, 101] == numbers(first)
    assert [3] == numbers(asks)


def test_slow_peer_frees_its_slot_and_still_counts() -> None:
    """After the soft time-out another peer is asked; the late answer is in the result."""
    machine = lookup(1, 2, limits=Limits(alpha=1))
    machine.tick(0.0)

    assert [2] == numbers(machine.slow(contact(1), 0.2))
    machine.answered(contact(2), 0.25)
    assert not machine.finished
    machine.answered(contact(1), 0.3)
    assert [1, 2] == closest(machine)
    assert 0.3 == machine.trace()[0].rtt_s


def test_silent_peer_holds_the_end_up_for_two_soft_timeouts() -> None:
    """The dead one is not in the result, and is called dead only at its hard time-out."""
    machine = lookup(1, 2)
    [_, ask] = machine.tick(0.0)
    machine.answered(contact(2), 0.1)

    assert (SOFT_S, 1.0) == (ask.soft_s, ask.hard_s)
    machine.tick(0.39)
    assert not machine.finished
    assert 0.4 == machine.wake_at
    machine.tick(0.4)
    assert machine.finished
    assert not machine.settled
    assert [2] == closest(machine)
    assert {1: "slow", 2: "answered"} == states(machine)
    assert 1.0 == machine.wake_at
    machine.tick(1.0)
    assert machine.settled
    assert machine.wake_at is None
    assert {1: "dead", 2: "answered"} == states(machine)


def test_late_answers_after_the_end_are_harmless() -> None:
    """The result stays what it was; the trace knows better; nobody is asked."""
    machine = lookup(1, 2)
    machine.tick(0.0)
    machine.answered(contact(2), 0.1)
    machine.tick(5.0)

    assert [] == machine.answered(contact(1), 30.0, [contact(3)], {contact(3).node_id: "x"})
    assert [2] == closest(machine)
    assert {} == machine.result().holders
    assert {1: "answered", 2: "answered"} == states(machine)
    assert () == machine.down_hints()


def test_dead_peer_that_answers_before_the_end_counts() -> None:
    """Its host said that nobody listens, and then somebody did."""
    machine = lookup(1, 2)
    machine.tick(0.0)
    machine.timed_out(contact(1), 0.05)
    machine.answered(contact(1), 0.1)
    machine.answered(contact(2), 0.1)

    assert [1, 2] == closest(machine)


def test_end_takes_the_k_closest_and_no_more() -> None:
    """Farther ones are left alone, asked or not."""
    machine = lookup(*range(1, 9), limits=Limits(k=3, alpha=5))
    assert [1, 2, 3] == numbers(machine.tick(0.0))
    for number in (3, 1, 2):
        machine.answered(contact(number), 0.1)

    assert [1, 2, 3] == closest(machine)
    assert Ending.CLOSEST is machine.result().ending
    assert 3 == machine.result().asked


def test_nobody_known_ends_at_once() -> None:
    """A node alone in its grid gets an empty result."""
    machine = lookup()

    assert [] == machine.tick(0.0)
    assert [] == closest(machine)
    with pytest.raises(ValueError, match="not finished"):
        lookup().result()


def test_node_is_found_only_by_its_own_answer() -> None:
    """To be named is not enough; with its answer the lookup ends, whoever else is silent."""
    machine = lookup(5, 6, want=Want.NODE, target=contact(9).node_id)
    machine.tick(0.0)
    asks = machine.answered(contact(5), 0.1, [contact(9)])

    assert [9] == numbers(asks)
    assert not machine.finished
    machine.answered(contact(9), 0.2)
    assert contact(9) == machine.result().found
    assert Ending.FOUND is machine.result().ending


def test_node_that_moved_is_found_at_its_second_address() -> None:
    """A stale or forged address of the target does not hide the true one."""
    moved = contact(9, port=5000)
    machine = lookup(5, 6, want=Want.NODE, target=moved.node_id)
    machine.tick(0.0)
    machine.answered(contact(5), 0.1, [contact(9)])
    machine.answered(contact(6), 0.1, [moved])

    assert [moved] == [ask.contact for ask in machine.tick(0.35)]
    machine.answered(moved, 0.4)
    assert moved == machine.result().found


def test_unknown_node_is_not_found() -> None:
    """The closest have answered and did not name it."""
    machine = lookup(5, 6, want=Want.NODE, target=contact(9).node_id)
    machine.tick(0.0)
    machine.answered(contact(5), 0.1)
    machine.answered(contact(6), 0.1)

    assert machine.result().found is None


def test_read_ends_with_enough_holders() -> None:
    """However many closer peers are silent."""
    machine = lookup(1, 2, 3, want=Want.HOLDERS, limits=Limits(enough=2))
    machine.tick(0.0)
    machine.answered(contact(3), 0.1, holders={contact(3).node_id: "a", contact(8).node_id: "b"})

    assert Ending.ENOUGH is machine.result().ending
    assert {contact(3).node_id: "a", contact(8).node_id: "b"} == machine.result().holders


def test_read_with_a_holder_ends_when_the_beta_closest_answered() -> None:
    """Without a holder all k are asked: each of them may be one."""
    for holders, finished in (({}, False), ({contact(3).node_id: "here"}, True)):
        machine = lookup(*range(1, 9), want=Want.HOLDERS)
        machine.tick(0.0)
        machine.answered(contact(3), 0.1, holders=holders)
        machine.answered(contact(1), 0.1)
        assert not machine.finished
        machine.answered(contact(2), 0.1)
        assert finished == machine.finished


def test_disproved_holder_makes_the_read_go_on() -> None:
    """One liar with made-up holders does not end a read for good."""
    machine = lookup(1, 2, want=Want.HOLDERS, limits=Limits(enough=1, alpha=1))
    liar = contact(1).node_id
    machine.tick(0.0)
    machine.answered(contact(1), 0.1, holders={liar: "here"})
    assert machine.finished

    assert [2] == numbers(machine.disproved(liar, 0.5))
    machine.answered(contact(2), 0.6, holders={liar: "there", contact(2).node_id: "here"})
    assert {contact(2).node_id: "here"} == machine.result().holders


def test_ten_thousand_providers_are_bounded() -> None:
    """Few of one answer, and a fixed number altogether, are kept."""
    machine = lookup(
        *range(1, 101), want=Want.HOLDERS, limits=Limits(enough=10_000, beta=100, k=100)
    )
    asks = machine.tick(0.0)
    fakes = itertools.count(1000)
    while asks:
        answers = {contact(next(fakes)).node_id: "fake" for _ in range(100)}
        asks += machine.answered(asks.pop(0).contact, 0.1, holders=answers)

    assert machine.finished
    assert MOST_HOLDERS == len(machine.holders)


def test_stop_ends_with_what_there_is() -> None:
    """The caller may have fetched the image meanwhile."""
    machine = lookup(1, 2)
    machine.tick(0.0)
    machine.answered(contact(2), 0.1)
    machine.stop(0.2)

    assert [2] == closest(machine)
    assert Ending.STOPPED is machine.result().ending
    assert [] == machine.answered(contact(1), 0.3, [contact(0)])


def test_silence_of_all_ends_by_the_deadline() -> None:
    """Also when the caller asks with ever more patience than there is time."""
    machine = lookup(*range(1, 50), limits=Limits(deadline_s=0.3))
    machine.tick(0.0)
    machine.tick(0.3)

    assert Ending.OUT_OF_TIME is machine.result().ending
    assert [] == closest(machine)


def test_refused_answer_is_no_answer() -> None:
    """A peer that answers for another id is out, and its second answer too."""
    machine = lookup(1, 2)
    machine.tick(0.0)
    machine.refused(contact(1), 0.1)
    machine.answered(contact(1), 0.1, [contact(3)])
    machine.answered(contact(2), 0.1)

    assert [2] == closest(machine)
    assert {1: "refused", 2: "answered"} == states(machine)


def test_unasked_and_second_answers_are_ignored() -> None:
    """From a stranger, from a peer not asked yet, and twice from the same."""
    machine = lookup(1, 2, 3, limits=Limits(alpha=1))
    machine.tick(0.0)
    for peer in (contact(77), contact(3), contact(1, port=1)):
        assert [] == machine.answered(peer, 0.1, [contact(4)])
    machine.answered(contact(1), 0.1)
    machine.answered(contact(1), 0.1, [contact(4)])

    assert {1: "answered", 2: "waiting", 3: "heard"} == states(machine)


def test_trace_tells_who_named_whom() -> None:
    """Referrer, depth, distance, round trip and state of every hop; and the way to each."""
    machine = lookup(100)
    machine.tick(0.0)
    machine.answered(contact(100), 0.1, [contact(10)])
    machine.answered(contact(10), 0.3, [contact(1), contact(100)])
    machine.timed_out(contact(1), 0.4)

    start, middle, last = machine.trace()
    assert (None, 0, 7, State.ANSWERED, 0.0, 0.1) == attrs.astuple(start, recurse=False)[1:]
    assert (contact(100), 1, 4, State.ANSWERED) == attrs.astuple(middle, recurse=False)[1:5]
    assert (contact(10), 2, 1, State.DEAD, 0.3, None) == attrs.astuple(last, recurse=False)[1:]
    assert (start, middle, last) == route(machine.trace(), contact(1))
    assert () == route(machine.trace(), contact(5))


def test_dead_referrals_are_reported_to_everyone_who_gave_them() -> None:
    """Those of the node's own table are nobody's fault."""
    machine = lookup(100, 101, 102)
    machine.tick(0.0)
    machine.answered(contact(100), 0.1, [contact(1)])
    machine.answered(contact(101), 0.1, [contact(1), contact(102)])
    machine.tick(5.0)

    assert (
        DownHint(contact(100), contact(1)),
        DownHint(contact(101), contact(1)),
    ) == machine.down_hints()
    assert "dead" == states(machine)[102]


events = st.lists(
    st.tuples(
        st.sampled_from(["answered", "answered", "slow", "timed_out", "refused", "tick"]),
        st.integers(0, 60),
        st.floats(0, 0.3),
        st.lists(st.integers(0, 60), max_size=40),
        st.sampled_from([4160, 4161]),
    ),
    max_size=80,
)


@given(
    start=st.lists(st.integers(0, 60), max_size=30),
    events=events,
    want=st.sampled_from(Want),
    alpha=st.integers(1, 4),
    k=st.integers(1, 8),
)
def test_promises_hold_whatever_comes(
    start: list[int],
    events: list[tuple[str, int, float, list[int], int]],
    want: Want,
    alpha: int,
    k: int,
) -> None:
    """
    It ends; asks no contact twice and never itself; at most alpha questions take a slot; the
    result is sorted, at most k long, and only of those that answered. Same inputs, same outputs.
    """
    limits = Limits(alpha=alpha, k=k, most_asked=40)
    traces = []
    for _ in range(2):
        machine = lookup(*start, want=want, limits=limits)
        asked = [ask.contact for ask in machine.tick(0.0)]
        answered, now = set[Contact](), 0.0
        for what, number, later, named, port in events:
            now += later
            peer = asked[number % len(asked)] if asked and number % 3 else contact(number)
            if what == "answered":
                if peer in asked:
                    answered.add(peer)
                contacts = [contact(n, port=port) for n in named]
                asks = machine.answered(peer, now, [*contacts, OWN], {peer.node_id: "x"})
            elif what == "tick":
                asks = machine.tick(now)
            else:
                asks = getattr(machine, what)(peer, now)
            asked += [ask.contact for ask in asks]
            waiting = [hop for hop in machine.trace() if hop.state is State.WAITING]
            assert len(waiting) <= alpha
        for _step in range(500):
            if machine.settled:
                break
            assert machine.wake_at is not None
            assert machine.wake_at > now
            now = machine.wake_at
            asked += [ask.contact for ask in machine.tick(now)]
        assert machine.settled
        result = machine.result()
        assert len(asked) == len(set(asked)) == result.asked <= 40
        assert OWN not in asked
        assert len(result.closest) <= k
        distances = [peer.node_id.number for peer in result.closest]
        assert distances == sorted(set(distances))
        assert set(result.closest) <= answered
        traces.append((asked, result, machine.trace(), machine.down_hints()))
    assert traces[0] == traces[1]


@given(st.randoms(use_true_random=False))
def test_answers_in_any_order_give_the_same_nodes(random_: object) -> None:
    """Delays decide who is asked when, not what is found."""
    network = NETWORK
    network.random_ = random_  # type: ignore[assignment]
    own, target = sorted(network.tables, key=lambda c: c.node_id)[3], Key(b"\x5a" * 20)

    assert network.truth(target, own) == list(network.look_up(own, target).result.closest)


NETWORK = Network.grown(seed=11, nodes=200)


def test_endless_lists_of_holders_are_given_up() -> None:
    """Liars always have a page more: a lookup reads 10 of each and 20 in all, then ends."""
    machine = lookup(1, 2, 3, 4, want=Want.HOLDERS)
    asks, pages = machine.tick(0.0), 0
    while asks:
        ask = asks.pop()
        if ask.page is None:
            asks += machine.answered(ask.contact, 0.1, rest=Page(7, 12))
        else:
            pages += 1
            asks += machine.read(ask.contact, 0.1, rest=Page(7, 12))

    assert 20 == pages
    assert Ending.CLOSEST is machine.result().ending


def test_a_page_that_never_comes_holds_nothing_up() -> None:
    """The lookup waits for it as for an answer, until it is told that there is none."""
    machine = lookup(1, want=Want.HOLDERS)
    machine.tick(0.0)
    (ask,) = machine.answered(contact(1), 0.1, rest=Page(7, 12))
    assert Page(7, 12) == ask.page
    assert not machine.finished
    assert [] == machine.read(contact(1), 1.1)
    assert machine.finished
