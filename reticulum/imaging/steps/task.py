"""What every step needs to know about the rendition that is being made."""

import attrs

from reticulum.imaging.geometry import Plan, Window
from reticulum.model import Format, Size


@attrs.frozen(kw_only=True)
class Task:
    """
    One rendition, in terms of the picture as it was decoded (not yet turned, maybe smaller).

    Args:
        plan: The geometry, as displayed.
        window: The plan's crop, in px of the decoded picture.
        scaled: The plan's scaled size, not yet turned.
        orientation: 1 to 8 as EXIF has it.
        profile: The source's ICC profile, or None.
        output: Format of the result.
    """

    plan: Plan
    window: Window
    scaled: Size
    orientation: int
    profile: bytes | None
    output: Format
