"""What was found out of late."""

from twisted.internet.task import Clock

from reticulum.node.recent import Recent


def test_is_remembered_for_a_while() -> None:
    """Up to its time, not at it; the stale value is still to be had on purpose."""
    clock = Clock()
    recent: Recent[str, int] = Recent(most=9, seconds=5, now=clock.seconds)
    recent.put("a", 1)
    clock.advance(4.9)
    assert 1 == recent.get("a") == recent.stale("a")
    clock.advance(0.1)
    assert None is recent.get("a")
    assert 1 == recent.stale("a")


def test_is_bounded() -> None:
    """The one put in first goes first; to put it again makes it new."""
    recent: Recent[str, int] = Recent(most=2, seconds=5, now=Clock().seconds)
    for key in "aba":
        recent.put(key, 1)
    recent.put("c", 1)
    assert 2 == len(recent)
    assert [1, None, 1] == [recent.get(key) for key in "abc"]


def test_forgets() -> None:
    """What is forgotten, or was never known, is None."""
    recent: Recent[str, int] = Recent(most=2, seconds=5, now=Clock().seconds)
    recent.put("a", 1)
    recent.forget("a")
    recent.forget("b")
    assert None is recent.get("a") is recent.stale("b")
