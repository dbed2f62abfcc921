"""How much one picture may cost a node."""

import attrs
from attrs import validators as v


@attrs.frozen(kw_only=True)
class Limits:
    """
    Bounds on what is decoded and made.

    Args:
        max_pixels: Width times height of a source, in px.
        max_frames: Frames of a source.
        max_total_pixels: Width times height times frames of a source, in px.
        max_output_pixels: Width times height of a result, in px.
        memory_bytes: Address space of one worker; a bare worker takes about 0.1 GB of it.
        deadline_s: From the hand-over to a worker until it is killed.
        output_bytes: Length of a result.
    """

    max_pixels: int = attrs.field(default=100_000_000, validator=v.ge(1))
    max_frames: int = attrs.field(default=1_000, validator=v.ge(1))
    max_total_pixels: int = attrs.field(default=400_000_000, validator=v.ge(1))
    max_output_pixels: int = attrs.field(default=50_000_000, validator=v.ge(1))
    memory_bytes: int = attrs.field(default=1_500_000_000, validator=v.ge(1))
    deadline_s: float = attrs.field(default=30.0, validator=v.gt(0))
    output_bytes: int = attrs.field(default=256_000_000, validator=v.ge(1))
