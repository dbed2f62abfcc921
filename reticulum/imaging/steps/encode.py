"""Packs a finished picture into a file's bytes; equal pictures give equal bytes."""

from io import BytesIO
from typing import Any, Final

from PIL import Image, ImageChops

from reticulum.model import Format

_NAMES: Final = {
    Format.JPG: "JPEG",
    Format.PNG: "PNG",
    Format.WEBP: "WEBP",
    Format.GIF: "GIF",
    Format.AVIF: "AVIF",
    Format.TIF: "TIFF",
}
_OPTIONS: Final[dict[Format, dict[str, Any]]] = {
    Format.JPG: {"subsampling": "4:2:0"},
    Format.PNG: {"compress_level": 3},
    Format.WEBP: {"method": 2},
    Format.AVIF: {"speed": 8, "max_threads": 1},
    Format.TIF: {"compression": "tiff_adobe_deflate"},
}
CLEAR: Final = 255
"""The place in a GIF's palette that lets show what is behind."""

_COLOURS: Final = 256
_METHOD: Final = Image.Quantize.MEDIANCUT
_HALF: Final = 128


def encode(image: Image.Image, output: Format, quality: int) -> bytes:
    """
    One picture as a file, without any metadata.

    Args:
        image: L, LA, RGB or RGBA.
        output: Any but BMP.
        quality: 1 to 100, for formats that have it.
    """
    if output is Format.PNG:
        return packed(with_few_colours(image), output)
    if output is not Format.GIF:
        return packed(image, output, **({"quality": quality} if output.has_quality else {}))
    if "A" in image.getbands():
        return packed(indexed_with_clear(image), output, transparency=CLEAR)
    return packed(image.convert("RGB").quantize(_COLOURS, _METHOD), output)


def packed(image: Image.Image, output: Format, **options: Any) -> bytes:
    """The very pixels of a picture as a file, with nothing attached that came with them."""
    plain = image.copy()
    plain.info = {}
    file = BytesIO()
    plain.save(file, _NAMES[output], **_OPTIONS.get(output, {}), **options)
    return file.getvalue()


def indexed_with_clear(image: Image.Image) -> Image.Image:
    """
    The picture with a palette of its own whose entry `CLEAR` is for what lets all show, for GIF.

    Alpha becomes all or nothing: from one half on a pixel is opaque.
    """
    colours = image.convert("RGB")
    if "A" not in image.getbands():
        return colours.quantize(_COLOURS - 1, _METHOD)
    hidden = image.getchannel("A").point([255] * _HALF + [0] * (_COLOURS - _HALF))
    colours.paste((0, 0, 0), mask=hidden)  # what cannot be seen takes one place in the palette
    made = colours.quantize(_COLOURS - 1, _METHOD)
    made.paste(CLEAR, mask=hidden)
    return made


def with_few_colours(image: Image.Image) -> Image.Image:
    """The picture with a palette if that loses nothing, else as it is."""
    if image.mode not in {"RGB", "RGBA"} or image.getcolors(_COLOURS) is None:
        return image
    method = Image.Quantize.FASTOCTREE if image.mode == "RGBA" else _METHOD
    made = image.quantize(_COLOURS, method, dither=Image.Dither.NONE)
    difference = ImageChops.difference(made.convert(image.mode), image)
    return image if difference.getbbox(alpha_only=False) else made
