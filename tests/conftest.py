"""One asyncio reactor for the whole run, and nothing left behind by any test."""

import asyncio
import gc
import warnings
from collections.abc import Iterator

from twisted.internet import asyncioreactor

# Before anything imports klein, which imports the reactor. Our own loop: pytest-twisted#177.
_LOOP = asyncio.new_event_loop()
asyncioreactor.install(_LOOP)

import pytest  # noqa: E402  (the reactor has to be first)
from hypothesis import HealthCheck, settings  # noqa: E402
from twisted.internet import reactor  # noqa: E402
from twisted.logger import globalLogPublisher  # noqa: E402

# Deadlines of single examples are timing, and timing is no pass or fail on a noisy machine. The
# function-scoped fixtures used together with @given are constants and the leak check below.
settings.register_profile(
    "reticulum",
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("reticulum")


def _pending() -> set[object]:
    return {*reactor.getDelayedCalls(), *asyncio.all_tasks(_LOOP)}


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    failures: list[object] = []

    def observe(event: dict[str, object]) -> None:
        if "log_failure" in event:
            failures.append(event["log_failure"])

    # What is there already needs no second look: it makes the collection below twenty times faster.
    gc.freeze()
    before = _pending()
    globalLogPublisher.addObserver(observe)
    try:
        yield
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()  # brings out "Unhandled error in Deferred"
    finally:
        globalLogPublisher.removeObserver(observe)
    assert [] == failures
    assert set() == _pending() - before
