"""Chooses the crop that keeps the most information, on a small grey copy of the picture."""

from typing import Final

from PIL import Image, ImageChops

from reticulum.imaging.geometry import Plan
from reticulum.imaging.steps.orient import turned
from reticulum.model import Size

_LONGEST: Final = 128


def anchor(
    image: Image.Image, orientation: int, displayed: Size, plan: Plan
) -> tuple[float, float]:
    """
    Where a crop of the plan's size should lie.

    Information is measured as difference between neighbours, summed over the window; of
    equally good windows the middle one is taken.

    Returns:
        Its place in the room it has, 0 (left, top) to 1 (right, bottom).
    """
    detail = _detail(turned(_small_grey(image), orientation))
    across = _best(_sums(detail, (detail.width, 1)), plan.crop.width / displayed.width)
    down = _best(_sums(detail, (1, detail.height)), plan.crop.height / displayed.height)
    return across, down


def _small_grey(image: Image.Image) -> Image.Image:
    share = min(1.0, _LONGEST / max(image.size))
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    if image.mode in {"P", "PA"}:
        image = image.convert("RGBA")
    if "A" in image.getbands():
        backed = Image.new("RGBA", size, (255, 255, 255, 255))
        backed.alpha_composite(image.convert("RGBA").resize(size, Image.Resampling.BOX))
        return backed.convert("L")
    return image.resize(size, Image.Resampling.BOX, reducing_gap=2.0).convert("L")


def _detail(grey: Image.Image) -> Image.Image:
    """How much each pixel differs from its neighbours to the right and below."""
    right, below = grey.copy(), grey.copy()
    right.paste(grey.crop((1, 0, *grey.size)), (0, 0))
    below.paste(grey.crop((0, 1, *grey.size)), (0, 0))
    return ImageChops.add(ImageChops.difference(grey, right), ImageChops.difference(grey, below))


def _sums(detail: Image.Image, size: tuple[int, int]) -> list[float]:
    """Means of the columns, or of the rows, for which *size* has one pixel each."""
    return list(detail.convert("F").resize(size, Image.Resampling.BOX).getdata())


def _best(strips: list[float], share: float) -> float:
    """The place, 0 to 1, of the window over *share* of the strips whose sum is the largest."""
    length = min(len(strips), max(1, round(len(strips) * share)))
    room = len(strips) - length
    if room == 0:
        return 0.5
    sums = [sum(strips[start : start + length]) for start in range(room + 1)]
    best = max(sums)
    winners = [start for start, total in enumerate(sums) if total >= best * (1 - 1e-6)]
    return winners[len(winners) // 2] / room
