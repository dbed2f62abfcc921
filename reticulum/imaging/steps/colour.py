"""Converts colours to sRGB: by the ICC profile where there is a sound one, else plainly."""

from functools import lru_cache
from io import BytesIO
from typing import Final

from PIL import Image, ImageChops, ImageCms

from reticulum.imaging.steps.task import Task

_CACHED: Final = 16
_SPACES: Final = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK"}
_LONGEST: Final = 4_000_000
_UNSEEN: Final = 1
"""A profile that moves no channel by more than this is sRGB under another name."""


def to_srgb(image: Image.Image, task: Task) -> Image.Image:
    """The picture in sRGB (or grey for it), with its alpha."""
    if task.profile and len(task.profile) <= _LONGEST:
        transform = _transform(task.profile, image.mode.removesuffix("A"))
        if transform is not None:
            return _apply(transform, image)
    return image.convert("RGB") if image.mode == "CMYK" else image


def lab_to_srgb(image: Image.Image) -> Image.Image:
    """A CIE L*a*b* picture (D50) in sRGB."""
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    made = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    assert made is not None  # noqa: S101 -- None only with inPlace
    return made


def _apply(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    alpha = image.getchannel("A") if "A" in image.getbands() else None
    colours = image if alpha is None else image.convert(image.mode[:-1])
    made = transform.apply(colours)
    if colours.mode == "L":
        made = made.getchannel("G")  # neutral in, neutral out: the three are alike
    if alpha is not None:
        made.putalpha(alpha)
    return made


@lru_cache(maxsize=_CACHED)
def _transform(profile: bytes, colours: str) -> ImageCms.ImageCmsTransform | None:
    """To sRGB; None if the profile is broken, of another kind than *colours*, or sRGB already."""
    try:
        parsed = ImageCms.ImageCmsProfile(BytesIO(profile))
        if parsed.profile.xcolor_space != _SPACES[colours]:
            return None
        transform = ImageCms.buildTransform(
            parsed,
            ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
            colours,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return None if _changes_nothing(transform, colours) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform, colours: str) -> bool:
    """Whether a sample of all colours comes out as it went in."""
    if colours == "CMYK":
        return False
    sample = _all_colours() if colours == "RGB" else Image.linear_gradient("L")
    difference = ImageChops.difference(_apply(transform, sample), sample)
    return not any(any(band.histogram()[_UNSEEN + 1 :]) for band in difference.split())


def _all_colours() -> Image.Image:
    """Six steps of each of red, green and blue, one pixel for each mixture."""
    levels = range(0, 256, 51)
    sample = Image.new("RGB", (len(levels) ** 3, 1))
    sample.putdata([(r, g, b) for r in levels for g in levels for b in levels])
    return sample
