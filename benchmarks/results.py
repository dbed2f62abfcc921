"""What a run produces: series of measurements, checks against targets, parts with notes."""

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from typing import Self


class Unavailable(Exception):
    """Something could not be measured; the text says why and ends up in the report."""


@dataclasses.dataclass(frozen=True)
class Series:
    """
    One thing measured once a round.

    Args:
        name: What was measured.
        unit: Of each value; empty for a ratio.
        values: One a round; empty if it could not be measured.
        missing: Why there are none.
    """

    name: str
    unit: str
    values: tuple[float, ...] = ()
    missing: str = ""

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.values)

    def per(self, other: Self, name: str) -> Self:
        """Ratio to *other*, taken round by round so that a machine growing slow hits both."""
        missing = self.missing or other.missing
        if missing:
            return type(self)(name, "", missing=missing)
        pairs = zip(self.values, other.values, strict=True)
        return type(self)(name, "", tuple(mine / theirs for mine, theirs in pairs))


@dataclasses.dataclass(frozen=True)
class Check:
    """
    A target of the project, and what was measured for it.

    Args:
        series: What was measured; its median counts.
        target: For people, such as "≥ 0.8".
        meets: Whether a value is good enough.
    """

    series: Series
    target: str
    meets: Callable[[float], bool]

    @classmethod
    def at_least(cls, series: Series, bound: float) -> Self:
        """Met from *bound* up."""
        return cls(series, f"≥ {bound:g}", lambda value: value >= bound)

    @classmethod
    def at_most(cls, series: Series, bound: float) -> Self:
        """Met up to *bound*."""
        return cls(series, f"≤ {bound:g}", lambda value: value <= bound)

    @classmethod
    def below(cls, series: Series, bound: float) -> Self:
        """Met under *bound*."""
        return cls(series, f"< {bound:g}", lambda value: value < bound)

    @classmethod
    def within(cls, series: Series, part: float) -> Self:
        """A ratio that is met when it is nearer to 1 than *part*."""
        return cls(series, f"1 ± {part:g}", lambda value: abs(value - 1) <= part)

    @classmethod
    def exactly(cls, series: Series, wanted: float) -> Self:
        """Met by one value only."""
        return cls(series, f"= {wanted:g}", lambda value: value == wanted)

    @property
    def verdict(self) -> str:
        """`met`, `missed` or `not measured`."""
        if self.series.missing:
            return "not measured"
        return "met" if self.meets(self.series.median) else "missed"


@dataclasses.dataclass
class Part:
    """One of the measurements of a run; `letter` may be a word."""

    letter: str
    title: str
    series: list[Series] = dataclasses.field(default_factory=list)
    checks: list[Check] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    missing: str = ""

    def add(self, *series: Series) -> None:
        """Show these, in this order."""
        self.series.extend(series)


@dataclasses.dataclass(frozen=True)
class Contender:
    """
    One of several that do the same work in turns.

    Args:
        name: For the table.
        measure: Takes the number of the round and returns one value. None if it can't run.
        missing: Why it can't.
    """

    name: str
    measure: Callable[[int], float] | None
    missing: str = ""


def interleave(contenders: Sequence[Contender], rounds: int, unit: str) -> list[Series]:
    """
    Let everyone work once a round, every other round in the opposite order.

    One that fails is measured no further and says why; the others go on.
    """
    values: dict[str, list[float]] = {one.name: [] for one in contenders}
    missing = {one.name: one.missing for one in contenders}
    for number in range(rounds):
        for one in contenders if number % 2 == 0 else reversed(contenders):
            if missing[one.name] or one.measure is None:
                continue
            try:
                values[one.name].append(one.measure(number))
            except (Unavailable, OSError) as error:
                missing[one.name] = f"round {number + 1}: {error}"
            else:
                print(f"  round {number + 1}: {one.name}: {values[one.name][-1]:,.1f} {unit}")
    return [
        Series(one.name, unit, missing=missing[one.name])
        if missing[one.name]
        else Series(one.name, unit, tuple(values[one.name]))
        for one in contenders
    ]
