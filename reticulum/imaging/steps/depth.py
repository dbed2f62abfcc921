"""Brings every kind of pixel to 8 bits a sample: grey, RGB or CMYK, with alpha or without."""

from typing import Final

from PIL import Image, ImageChops

from reticulum.imaging.steps.colour import lab_to_srgb
from reticulum.imaging.steps.task import Task

PLAIN: Final = {"L", "LA", "RGB", "RGBA", "CMYK"}
"""The modes that the steps after this one know."""

_OPAQUE: Final = 255


def to_eight_bits(image: Image.Image, _task: Task) -> Image.Image:
    """The same picture in one of the `PLAIN` modes; alpha that hides nothing is dropped."""
    return _without_idle_alpha(_plain(image))


def _plain(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return _from_sixteen_bits(image)
    if image.mode == "LAB":
        return lab_to_srgb(image)
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        return ImageChops.invert(image)  # Pillow takes every CMYK JPEG for one of Adobe's
    wanted = _wanted(image)
    return image if wanted == image.mode else image.convert(wanted)


def _wanted(image: Image.Image) -> str:
    """The plain mode that holds all of the picture."""
    if image.mode in {"1", "L"}:
        return "LA" if "transparency" in image.info else "L"
    if image.mode in {"P", "PA", "RGB"}:
        return "RGBA" if image.has_transparency_data else "RGB"
    return image.mode if image.mode in PLAIN else "RGB"


def _from_sixteen_bits(image: Image.Image) -> Image.Image:
    """0 to 65535 becomes 0 to 255; Pillow's own conversion may cut everything above 255."""
    wide = image.convert("I")
    return wide.point(lambda value: value * (255 / 65535) + 0.5).convert("L")


def _without_idle_alpha(image: Image.Image) -> Image.Image:
    if image.mode not in {"LA", "RGBA"}:
        return image
    if any(image.getchannel("A").histogram()[:_OPAQUE]):
        return image
    return image.convert("L" if image.mode == "LA" else "RGB")
