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
    Format.PNG: {"compress_level": 6},
    Format.WEBP: {"method": 2},
    Format.AVIF: {"speed": 8, "max_threads": 1},
    Format.TIF: {"compression": "tiff_adobe_deflate"},
}
_COLOURS: Final = 256
_HALF: Final = 128


def encode(image: Image.Image, output: Format, quality: int) -> bytes:
    """
    One picture as a file, without any metadata.

    Args:
        image: L, LA, RGB or RGBA.
        output: Any but BMP.
        quality: 1 to 100, for formats that have it.
    """
    options = dict(_OPTIONS.get(output, {}))
    if output.has_quality:
        options["quality"] = quality
    if output is Format.GIF:
        image, transparent = indexed(image)
        if transparent is not None:
            options["transparency"] = transparent
    file = BytesIO()
    bare(image).save(file, _NAMES[output], **options)
    return file.getvalue()


def bare(image: Image.Image) -> Image.Image:
    """The same pixels with nothing attached that an encoder might write."""
    plain = image.copy()
    plain.info = {}
    return plain


def indexed(image: Image.Image) -> tuple[Image.Image, int | None]:
    """
    The picture with a palette of its own, for GIF.

    Alpha is all or nothing: from one half on a pixel is opaque.

    Returns:
        The picture, and the index in its palette that is transparent, or None.
    """
    if "A" not in image.getbands():
        colours = image.convert("RGB")
        return colours.quantize(_COLOURS, Image.Quantize.MEDIANCUT), None
    hidden = image.getchannel("A").point([255] * _HALF + [0] * (256 - _HALF))
    colours = image.convert("RGB")
    # what cannot be seen must not take places in the palette
    colours.paste((0, 0, 0), mask=hidden)
    made = colours.quantize(_COLOURS - 1, Image.Quantize.MEDIANCUT)
    made.paste(_COLOURS - 1, mask=hidden)
    return made, _COLOURS - 1


def with_few_colours(image: Image.Image) -> Image.Image:
    """The picture with a palette if that loses nothing, else as it is."""
    if image.getcolors(_COLOURS) is None:
        return image
    method = Image.Quantize.FASTOCTREE if image.mode == "RGBA" else Image.Quantize.MEDIANCUT
    made = image.quantize(_COLOURS, method, dither=Image.Dither.NONE)
    difference = ImageChops.difference(made.convert(image.mode), image)
    return image if difference.getbbox(alpha_only=False) else made
