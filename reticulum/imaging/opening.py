"""Opens a picture file: sniffed, measured against the limits, and not yet decoded."""

import contextlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import attrs
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from reticulum.errors import BeyondLimits, DamagedImage, NotAnImage, ReticulumError
from reticulum.imaging.containers import avif, gif, png, webp
from reticulum.imaging.containers.survey import Survey
from reticulum.imaging.limits import Limits
from reticulum.imaging.sniff import HEAD, sniff
from reticulum.model import Facts, Format, Size

Image.MAX_IMAGE_PIXELS = None  # our limits are checked before Pillow sees a byte
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # one worker, one core

_OPENERS: Final[dict[Format, Callable[[BinaryIO], ImageFile.ImageFile]]] = {
    # the classes themselves: Image.open would guess, and would make an MPO of some JPEGs
    Format.JPG: JpegImagePlugin.JpegImageFile,
    Format.PNG: lambda file: PngImagePlugin.PngImageFile(png.without_texts(file)),
    Format.GIF: GifImagePlugin.GifImageFile,
    Format.WEBP: WebPImagePlugin.WebPImageFile,
    Format.AVIF: AvifImagePlugin.AvifImageFile,
    Format.TIF: TiffImagePlugin.TiffImageFile,
    Format.BMP: BmpImagePlugin.BmpImageFile,
}
_SURVEYS: Final[dict[Format, Callable[[BinaryIO, int], Survey]]] = {
    Format.PNG: png.survey,
    Format.GIF: gif.survey,
    Format.WEBP: webp.survey,
}
_UNSCALED: Final = {"I", "F"}
_TURNED: Final = range(5, 9)


@attrs.frozen(kw_only=True)
class Opened:
    """
    A picture whose pixels are still packed.

    Args:
        image: As stored; nothing decoded.
        file: The same, in bytes.
        facts: With the size as displayed.
        orientation: 1 to 8 as EXIF has it: how *image* must be turned to be displayed.
        loop: What the file says of it in its format's own words, or None.
    """

    image: ImageFile.ImageFile
    file: BinaryIO
    facts: Facts
    orientation: int
    loop: int | None


@contextlib.contextmanager
def opened(source: Path, limits: Limits) -> Iterator[Opened]:
    """
    Open *source* and close it afterwards; errors of decoding inside the block are translated.

    Raises:
        NotAnImage: Of no type we read.
        DamagedImage: Cannot be decoded.
        BeyondLimits: Too many pixels or frames, or out of memory.
    """
    with source.open("rb") as file, _translated():
        yield _open(file, limits)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Whatever a decoder raises over hostile bytes becomes an error of ours; warnings vanish."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except ReticulumError:
            raise
        except MemoryError:
            raise BeyondLimits("the image takes more memory than this node gives to one") from None
        except Exception as error:  # decoders raise anything: KeyError, struct.error
            raise DamagedImage("the image is damaged or truncated: it cannot be decoded") from error


def _open(file: BinaryIO, limits: Limits) -> Opened:
    found = sniff(file.read(HEAD))
    if found is None:
        raise NotAnImage("the bytes are of no type this node reads: jpg png gif webp avif tif bmp")
    file.seek(0)
    survey: Survey | None = None
    if found in _SURVEYS:
        survey = _SURVEYS[found](file, limits.max_frames)
        _check(survey, limits)
        file.seek(0)
    image = _OPENERS[found](file)
    if image.mode in _UNSCALED:
        raise NotAnImage(
            "samples of 32 bits have no agreed black and white: convert the image to 8 or 16 bits"
        )
    if survey is None:
        frames = getattr(image, "n_frames", 1) if found.is_animated else 1
        survey = Survey(*image.size, frames)
        _check(survey, limits)
    orientation = 1 if found is Format.TIF else _orientation(image)
    size = Size(*image.size)
    if orientation in _TURNED:
        size = Size(size.height, size.width)
    facts = Facts(format=found, size=size, frames=survey.frames)
    loop = image.info.get("loop")
    if found is Format.AVIF and survey.frames > 1:
        file.seek(0)
        loop = avif.plays(file.read())
    return Opened(image=image, file=file, facts=facts, orientation=orientation, loop=loop)


def _check(survey: Survey, limits: Limits) -> None:
    pixels = survey.width * survey.height
    shown = f"{survey.width}x{survey.height}"
    if not pixels:
        raise DamagedImage(f"the image says it is {shown}")
    if pixels > limits.max_pixels:
        raise BeyondLimits(
            f"the image has {shown} pixels, this node reads at most {limits.max_pixels}"
        )
    if survey.frames > limits.max_frames:
        raise BeyondLimits(f"the image has more than {limits.max_frames} frames")
    total = pixels * survey.frames
    if total > limits.max_total_pixels:
        raise BeyondLimits(
            f"the image has {survey.frames} frames of {shown} pixels, "
            f"this node reads at most {limits.max_total_pixels} pixels in all"
        )


def _orientation(image: Image.Image) -> int:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 -- broken EXIF is as good as none
        return 1
    return orientation if orientation in range(1, 9) else 1
