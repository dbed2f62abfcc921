"""A `Renderer` that works in the caller's own process: for tests, and for nothing else."""

from pathlib import Path

import attrs

from reticulum.imaging.inspect import inspect
from reticulum.imaging.limits import Limits
from reticulum.imaging.render import render
from reticulum.model import Facts, Format, Spec


@attrs.frozen
class InlineRenderer:
    """
    The twin of `Pool` without processes: blocks its caller, and has no deadline and no queue.

    Args:
        limits: As a pool's; `memory_bytes` and `deadline_s` are not held.
    """

    limits: Limits = attrs.field(factory=Limits)

    async def inspect(self, source: Path) -> Facts:
        """As `Renderer.inspect`."""
        return inspect(source, self.limits)

    async def render(self, source: Path, spec: Spec, output: Format, target: Path) -> None:
        """As `Renderer.render`."""
        render(source, spec, output, target, self.limits)
