"""Where a node stands: from looking to public, relayed or unreachable, and back."""

import itertools
from collections.abc import Callable

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from reticulum.reach.ladder import HURRY_S, PATIENCE_S, Footing, Ladder, Standing


@attrs.define
class Climber:
    """A ladder, and what it stands on."""

    is_in: bool = False
    is_public: bool = False
    relays: int = 0
    clock: Clock = attrs.field(factory=Clock)
    told: list[Standing] = attrs.field(factory=list)
    ladder: Ladder = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        seconds: Callable[[], float] = self.clock.seconds
        self.ladder = Ladder(
            lambda: Footing(is_in=self.is_in, is_public=self.is_public, relays=self.relays),
            seconds=seconds,
            changed=self.told.append,
        )

    def wait(self, seconds: float) -> Standing:
        self.clock.advance(seconds)
        return self.ladder.standing

    def joins(self) -> None:
        self.is_in = True
        assert Standing.LOOKING is self.ladder.standing


def test_public() -> None:
    """Who was dialled back is public, and needs no relay, however long that took."""
    climber = Climber()
    climber.joins()
    climber.is_public = True
    assert Standing.PUBLIC is climber.wait(HURRY_S)
    assert not climber.ladder.needs_relays
    climber = Climber()
    climber.joins()
    assert Standing.UNREACHABLE is climber.wait(PATIENCE_S)
    climber.is_public = True
    assert Standing.PUBLIC is climber.ladder.standing


def test_relays_are_asked_for_soon_but_not_at_once() -> None:
    """A public node has a moment to be dialled back before it asks others for help."""
    climber = Climber()
    assert not climber.ladder.needs_relays
    climber.joins()
    assert not climber.ladder.needs_relays
    climber.wait(HURRY_S - 0.01)
    assert not climber.ladder.needs_relays
    climber.wait(0.02)
    assert climber.ladder.needs_relays
    climber.relays = 1
    assert Standing.RELAYED is climber.ladder.standing
    # One is not enough, and how many are is for whoever keeps them to know.
    assert climber.ladder.needs_relays


def test_relayed_then_public() -> None:
    """Whoever was dialled back after all is public, even while it still has relays."""
    climber = Climber()
    climber.joins()
    climber.relays = 2
    assert Standing.RELAYED is climber.wait(1)
    climber.is_public = True
    assert Standing.PUBLIC is climber.ladder.standing
    climber.is_public = False
    assert Standing.RELAYED is climber.ladder.standing


def test_unreachable_only_after_a_while() -> None:
    """A node that nobody reaches says so after some patience, and once."""
    climber = Climber()
    climber.joins()
    assert Standing.LOOKING is climber.wait(PATIENCE_S - 0.1)
    assert Standing.UNREACHABLE is climber.wait(0.2)
    assert Standing.UNREACHABLE is climber.wait(100)
    assert [Standing.UNREACHABLE] == climber.told


@pytest.mark.parametrize("what", ["relays", "is_public"])
def test_last_relay_is_lost(what: str) -> None:
    """Who has just lost what reached it is looking, not unreachable: another one is coming."""
    climber = Climber()
    climber.joins()
    setattr(climber, what, 1)
    climber.wait(1000)
    setattr(climber, what, 0)
    assert Standing.LOOKING is climber.wait(PATIENCE_S - 1)
    assert climber.ladder.needs_relays
    assert Standing.UNREACHABLE is climber.wait(2)


def test_no_neighbours() -> None:
    """Without neighbours nobody can tell; afterwards all begins anew."""
    climber = Climber()
    climber.joins()
    climber.wait(PATIENCE_S)
    climber.is_in = False
    assert Standing.LOOKING is climber.wait(1)
    assert not climber.ladder.needs_relays
    climber.is_in = True
    assert Standing.LOOKING is climber.wait(1)
    assert not climber.ladder.needs_relays
    assert Standing.LOOKING is climber.wait(PATIENCE_S - 1)
    assert Standing.UNREACHABLE is climber.wait(1)


def test_another_network() -> None:
    """There it takes its time again."""
    climber = Climber()
    climber.joins()
    climber.wait(PATIENCE_S)
    climber.ladder.begin_anew()
    assert [Standing.UNREACHABLE, Standing.LOOKING] == climber.told
    assert Standing.LOOKING is climber.wait(PATIENCE_S - 1)
    climber.ladder.begin_anew()
    assert Standing.LOOKING is climber.wait(PATIENCE_S - 1)


@given(
    st.lists(
        st.tuples(st.booleans(), st.booleans(), st.integers(0, 2), st.floats(0, 30), st.booleans())
    )
)
def test_any_climb(steps: list[tuple[bool, bool, int, float, bool]]) -> None:
    """Each change is told once, and the standing never contradicts what it stands on."""
    climber = Climber()
    for is_in, is_public, relays, seconds, is_elsewhere in steps:
        climber.is_in, climber.is_public, climber.relays = is_in, is_public, relays
        if is_elsewhere:
            climber.ladder.begin_anew()
        standing = climber.wait(seconds)
        assert (standing is Standing.PUBLIC) == (is_in and is_public)
        assert (standing is Standing.RELAYED) == (is_in and not is_public and relays > 0)
        if climber.ladder.needs_relays:
            assert is_in
            assert not is_public
        assert standing is climber.ladder.standing
        if climber.told:
            assert standing is climber.told[-1]
    changes = [Standing.LOOKING, *climber.told]
    assert all(one is not other for one, other in itertools.pairwise(changes))
