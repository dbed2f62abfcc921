import random
import statistics

import pytest

from reticulum.testing.simulator.sessions import Session, exponential, heavy_tailed


def drawn(session: Session) -> list[float]:
    random_ = random.Random(1)  # noqa: S311  (a test has to be repeatable)
    return [session(random_) for _ in range(20_000)]


@pytest.mark.parametrize("kind", [exponential, heavy_tailed])
def test_median(kind: type[object]) -> None:
    """Half of the sessions are shorter than the median that was asked for."""
    assert pytest.approx(3600, rel=0.05) == statistics.median(drawn(kind(3600)))


def test_heavy_tail() -> None:
    """With equal medians, the longest of a heavy-tailed kind are far longer."""
    assert max(drawn(heavy_tailed(1))) > 5 * max(drawn(exponential(1)))
