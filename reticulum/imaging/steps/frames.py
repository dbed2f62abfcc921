"""Takes the frames of a moving picture one by one: composed, with their durations and loops."""

from collections.abc import Iterator

from PIL import Image

from reticulum.errors import DamagedImage
from reticulum.imaging.opening import Opened
from reticulum.imaging.steps.compose import composed
from reticulum.model import Format


def first(found: Opened) -> Image.Image:
    """The first frame, decoded."""
    image, _ = next(all_of(found))
    return image


def all_of(found: Opened) -> Iterator[tuple[Image.Image, float]]:
    """
    Every frame as it is shown, one in memory at a time, and how long it is shown, in ms.

    Raises:
        DamagedImage: A frame is missing.
    """
    if found.facts.format is Format.GIF:
        found.file.seek(0)
        yield from composed(found.file, found.image.size)
        return
    image = found.image
    # an APNG may begin with a picture for those who cannot show the moving one
    skipped = int(found.facts.frames > 1 and bool(getattr(image, "default_image", False)))
    for number in range(skipped, skipped + found.facts.frames):
        try:
            image.seek(number)
        except EOFError:
            raise DamagedImage(f"frame {number + 1} of the image is missing") from None
        image.load()
        yield image, float(image.info.get("duration", 0))


def plays(found: Opened) -> int:
    """How often a moving picture is shown; 0 = for ever."""
    if found.facts.format is not Format.GIF:
        return found.loop or 0
    if found.loop is None:
        return 1
    return found.loop + 1 if found.loop else 0  # a GIF counts repeats


def may_be_clear(found: Opened) -> bool:
    """Whether some frame may let something show through: for formats that want to know first."""
    image = found.image
    is_plain = image.mode in {"L", "RGB"} and "transparency" not in image.info
    return found.facts.format is Format.GIF or not is_plain
