"""Durations of frames in whole units of a format, without drifting from the true time."""

from collections.abc import Iterable, Iterator


def in_units(durations_ms: Iterable[float], unit_ms: int) -> Iterator[int]:
    """
    Round each duration so that every frame begins within half a unit of its true time.

    Args:
        durations_ms: Of the frames in order, in ms.
        unit_ms: What the format counts in, in ms.

    Returns:
        Durations in units; lazily, one for each frame.
    """
    true_ms = 0.0
    told = 0
    for duration in durations_ms:
        true_ms += duration
        step = int(true_ms / unit_ms + 0.5) - told
        told += step
        yield step
