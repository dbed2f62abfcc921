"""How fast a node works through all it holds: once in a period, and never harder than allowed."""

from typing import Any

import attrs
from attrs import validators as v

from reticulum.overlay.pauses import Alarm


@attrs.frozen(kw_only=True)
class Pace:
    """
    The speed of a walk.

    Work and rest alternate: after work of *w* seconds comes a rest of at least
    w * (1 / share - 1), so that the walk takes no more than *share* of one core (Garage calls
    this tranquility).

    Args:
        share: Of one core, at most.
        period_s: In which everything should be walked over once.
        hurried_share: The same while images are short of copies, and waiting for other nodes is
            most of the work.
    """

    share: float = attrs.field(validator=[v.gt(0), v.le(1)])
    period_s: float = attrs.field(validator=v.gt(0))
    hurried_share: float = attrs.field(default=0.5, validator=[v.gt(0), v.le(1)])

    def rest_s(self, worked_s: float, part: float, *, hurried: bool) -> float:
        """
        Say how long to rest.

        Args:
            worked_s: What the last step took, in seconds.
            part: Of everything, that this step was; 0 to 1.
            hurried: Whether the period is of no account now.
        """
        if hurried:
            return worked_s * (1 / self.hurried_share - 1)
        return max(worked_s * (1 / self.share - 1), part * self.period_s - worked_s)


def own_alarm(part: Any) -> Alarm:
    """Make the alarm of a part that has a `_clock`."""
    return Alarm(part._clock)  # noqa: SLF001  (called for a field beside that one)
