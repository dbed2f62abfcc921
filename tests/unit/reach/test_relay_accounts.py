"""What members use of a relay, and how often they are spoken of: bounded, and fair over time."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from reticulum.model import NodeId
from reticulum.reach.relay.accounts import Account, Accounts, Bucket
from reticulum.reach.relay.limits import Limits
from reticulum.reach.relay.seldom import Seldom


def member(number: int) -> NodeId:
    return NodeId(number.to_bytes(20))


@given(
    st.lists(st.tuples(st.floats(0, 10), st.integers(0, 100_000)), max_size=50),
    st.integers(1, 100_000),
)
def test_bytes_over_time(events: list[tuple[float, int]], rate: int) -> None:
    """Who waits as long as he is told gets a second's worth and the rate, plus his last read."""
    clock = Clock()
    account = Account(Limits(bytes_per_s=rate), clock.seconds)
    spent, largest = 0, 0
    for pause, amount in events:
        clock.advance(pause)
        spent, largest = spent + amount, max(largest, amount)
        clock.advance(account.pay(amount))
        assert spent <= rate * (clock.seconds() + 1) * 1.000_001 + 1


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_wait_is_as_long_as_the_debt(burst: int, amount: int) -> None:
    """Nothing is owed after the wait, and something was before its end."""
    bucket = Bucket(burst, 0.0)
    wait = bucket.spend(amount, 0.0, 10.0, burst)

    assert wait == max(0.0, (amount - burst) / 10)
    assert abs(bucket.left(wait, 10.0, burst) - max(0, burst - amount)) < 1e-6


def test_openings() -> None:
    """So many at once, then so many a second, and no more after a long rest."""
    clock = Clock()
    limits = Limits(opens_per_s=2, opens_burst=3)
    account = Account(limits, clock.seconds)

    def opened() -> int:
        return sum(account.may_open(limits) for _ in range(10))

    assert 3 == opened()
    clock.advance(1)
    assert 2 == opened()
    clock.advance(1_000)
    assert 3 == opened()


def test_accounts_are_bounded() -> None:
    """The member seen least of late is forgotten, but never one with a circuit."""
    accounts, limits = Accounts(Clock().seconds, most=3), Limits()
    busy = accounts.of(member(0), limits)
    busy.circuits = 1
    for number in range(1, 1_000):
        accounts.of(member(number), limits)

    assert 3 == len(accounts)
    assert busy is accounts.of(member(0), limits)
    assert accounts.of(member(999), limits) is accounts.of(member(999), limits)


def test_rate_is_changed_for_all() -> None:
    """A new setting holds for those who are there."""
    accounts = Accounts(Clock().seconds)
    account = accounts.of(member(1), Limits(bytes_per_s=1))
    accounts.rate(1_000)

    assert 9.999 == account.pay(10_000)


def test_seldom() -> None:
    """A thing is said once in a while; other things are said meanwhile."""
    clock = Clock()
    seldom = Seldom(clock.seconds)

    assert [True, False, False] == [seldom.may_say("a", 60) for _ in range(3)]
    assert seldom.may_say("b", 60)
    clock.advance(59.9)
    assert not seldom.may_say("a", 60)
    clock.advance(0.1)
    assert seldom.may_say("a", 60)


def test_seldom_is_bounded() -> None:
    """However many things there are, so many are remembered."""
    seldom = Seldom(Clock().seconds, most=10)
    for number in range(1_000):
        assert seldom.may_say(number, 60)

    assert 10 == len(seldom)
    assert not seldom.may_say(999, 60)
