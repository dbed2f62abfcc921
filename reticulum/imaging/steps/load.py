"""Decodes as few pixels as the result needs."""

import math

from PIL import ImageFile

from reticulum.imaging.geometry import Plan
from reticulum.imaging.steps.orient import stored_size
from reticulum.model import Size


def shrink_on_load(
    image: ImageFile.ImageFile, plan: Plan, displayed: Size, orientation: int
) -> float:
    """
    Let a JPEG be decoded at 1/2, 1/4 or 1/8 where that is still enough; others stay whole.

    Returns:
        How many px as stored one px as decoded stands for: 1, 2, 4 or 8.
    """
    # the size that the whole picture would have if all of it were scaled as the crop is
    width = math.ceil(displayed.width * plan.scaled.width / plan.crop.width)
    height = math.ceil(displayed.height * plan.scaled.height / plan.crop.height)
    needed = stored_size(Size(width, height), orientation)
    stored_width = image.width
    drafted = image.draft(None, (needed.width, needed.height))
    return 1.0 if drafted is None else stored_width / drafted[1][2]
