"""Several things at a time, and no more than so many."""

from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredSemaphore, FirstError, gatherResults

T = TypeVar("T")


async def together(
    works: Iterable[Callable[[], Coroutine[Deferred[Any], Any, T]]], *, most: int
) -> list[T]:
    """
    Do all of *works*, in their order, and at most so many at a time.

    Args:
        works: Each is called when its turn comes.
        most: At least 1.

    Returns:
        What they return, in the same order.

    Raises:
        Whatever the first one that fails raises; the others go on, unheard.
    """
    turns = DeferredSemaphore(most)

    def begin(work: Callable[[], Coroutine[Deferred[Any], Any, T]]) -> Deferred[T]:
        return Deferred.fromCoroutine(work())

    try:
        return await gatherResults([turns.run(begin, work) for work in works], consumeErrors=True)
    except FirstError as first:
        first.subFailure.raiseException()


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut *items* into pieces of *size*, the last one shorter."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
