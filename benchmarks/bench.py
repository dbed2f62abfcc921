"""What every part is given: the photographs, a scratch folder, how much to do, and who may run."""

import contextlib
import dataclasses
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Generic, TypeVar

from results import Unavailable
from thumbor_server import Thumbor, thumbor

T = TypeVar("T")
SEED = 20_261_120


@dataclasses.dataclass(frozen=True)
class Attempt(Generic[T]):
    """A server that runs, or the reason why it does not."""

    running: T | None
    missing: str = ""


@dataclasses.dataclass(frozen=True)
class Bench:
    """
    Circumstances of a run.

    Args:
        photos: Photographs of 2560x1600.
        scratch: Folder to work in; removed at the end.
        quick: Whether to do only enough to see that everything works.
        with_thumbor: Whether thumbor takes part.
    """

    photos: list[Path]
    scratch: Path
    quick: bool
    with_thumbor: bool

    def amount(self, full: int, quick: int) -> int:
        """*full*, or *quick* in a quick run."""
        return quick if self.quick else full

    def pairs(self, first: int, last: int) -> list[tuple[Path, int]]:
        """Every photograph in every width from *first* to *last*, in a shuffled, fixed order."""
        everything = [(photo, width) for width in range(first, last + 1) for photo in self.photos]
        random.Random(SEED).shuffle(everything)  # noqa: S311  (repeatable, not secret)
        return everything

    @contextlib.contextmanager
    def thumbor(self, name: str, **how: bool) -> Iterator[Attempt[Thumbor]]:
        """Thumbor on the photographs, if it takes part and can be had."""
        if not self.with_thumbor:
            yield Attempt(None, "left out (--without-thumbor)")
            return
        server = thumbor(self.photos[0].parent, self.scratch / name, **how)
        with attempted(server) as attempt:
            yield attempt


@contextlib.contextmanager
def attempted(server: AbstractContextManager[T]) -> Iterator[Attempt[T]]:
    """Enter *server*; if it can't start, go on without it, with the reason."""
    with contextlib.ExitStack() as stack:
        try:
            attempt = Attempt(stack.enter_context(server))
        except (Unavailable, OSError) as error:
            print(f"  missing: {error}")
            attempt = Attempt(None, str(error))
        yield attempt
