"""The bounded memory of what was found out."""

from hypothesis import given
from hypothesis import strategies as st

from reticulum.storage.memo import Memo


def test_least_recently_used_is_forgotten() -> None:
    """Asking for a value is a use."""
    memo: Memo[str, int] = Memo(2)
    memo.put("a", 1)
    memo.put("b", 2)
    memo.get("a")

    memo.put("c", 3)

    assert (1, None, 3) == (memo.get("a"), memo.get("b"), memo.get("c"))


def test_forget() -> None:
    """What is to be forgotten is, known or not."""
    memo: Memo[str, int] = Memo(2)
    memo.put("a", 1)

    memo.forget("a")
    memo.forget("b")

    assert None is memo.get("a")


@given(st.integers(1, 5), st.lists(st.integers(0, 9)))
def test_bound(most: int, keys: list[int]) -> None:
    """It never remembers more than it may, and always the newest."""
    memo: Memo[int, int] = Memo(most)
    for key in keys:
        memo.put(key, key)

        assert most >= len(memo)
        assert key == memo.get(key)
