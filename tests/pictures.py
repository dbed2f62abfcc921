"""Builders of test images: pure functions from a few numbers to the bytes of a file."""

import struct
import zlib
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms, ImageOps

SAVED_AS = {
    "jpg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "gif": "GIF",
    "avif": "AVIF",
    "tif": "TIFF",
    "bmp": "BMP",
}
"""Pillow's name for each extension."""

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)

_EXIF_ORIENTATION = 0x0112
_STORED = {
    # how an upright picture has to be stored so that a reader that obeys EXIF sees it upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def packed(image: Image.Image, extension: str, **options: Any) -> bytes:
    """An image as a file."""
    file = BytesIO()
    image.save(file, SAVED_AS[extension], **options)
    return file.getvalue()


def unpacked(data: bytes) -> Image.Image:
    """A file as an image, decoded."""
    image = Image.open(BytesIO(data))
    image.load()
    return image


def photograph(width: int = 640, height: int = 400, seed: int = 1) -> Image.Image:
    """
    Gradients with fine noise on them: compresses about as a photograph does.

    Equal arguments give equal pixels.
    """
    noise = _noise(seed)
    bands = []
    for number in range(3):
        slope = Image.linear_gradient("L").rotate(90 * number).resize((width, height))
        tile = noise.rotate(90 * number)
        grain = Image.new("L", (width, height))
        for top in range(0, height, tile.height):
            for left in range(0, width, tile.width):
                grain.paste(tile, (left, top))
        bands.append(Image.blend(slope, grain, 0.15))
    return Image.merge("RGB", bands)


def photo(width: int = 640, height: int = 400, extension: str = "jpg", seed: int = 1) -> bytes:
    """A `photograph` as a file; another *seed*, other bytes."""
    options = {"quality": 88} if extension == "jpg" else {}
    return packed(photograph(width, height, seed), extension, **options)


def flat(
    width: int = 60, height: int = 40, extension: str = "png", colour: Any = RED, mode: str = "RGB"
) -> bytes:
    """A picture of one colour."""
    return packed(Image.new(mode, (width, height), colour), extension)


def corners(width: int = 60, height: int = 40) -> Image.Image:
    """Quarters in red (upper left), green (upper right), blue (lower left) and yellow."""
    image = Image.new("RGB", (width, height), YELLOW)
    half = (width // 2, height // 2)
    image.paste(RED, (0, 0, *half))
    image.paste(GREEN, (half[0], 0, width, half[1]))
    image.paste(BLUE, (0, half[1], half[0], height))
    return image


def oriented(orientation: int, extension: str = "jpg", upright: Image.Image | None = None) -> bytes:
    """A picture, `corners` if nothing else is said, that is upright only to who obeys EXIF."""
    image = upright or corners()
    if orientation in _STORED:
        image = image.transpose(_STORED[orientation])
    exif = Image.Exif()
    exif[_EXIF_ORIENTATION] = orientation
    options: dict[str, Any] = {"exif": exif}
    if extension in {"jpg", "webp", "avif"}:
        options |= {"quality": 95}
    return packed(image, extension, **options)


def cmyk(colour: tuple[int, int, int] = (200, 60, 30), *, is_inverted: bool = True) -> bytes:
    """
    A CMYK JPEG of one colour, told in RGB.

    Args:
        colour: What it looks like.
        is_inverted: As Adobe's programs write it, which Pillow does too; or plain, unmarked.
    """
    image = Image.new("RGB", (64, 48), colour).convert("CMYK")
    if is_inverted:
        return packed(image, "jpg", quality=95, subsampling=0)
    turned = Image.merge("CMYK", [ImageOps.invert(band) for band in image.split()])
    # without the Adobe marker a reader takes the samples as they are
    return _without_segment(packed(turned, "jpg", quality=95, subsampling=0), 0xEE)


def grey_16_bits(extension: str = "png", width: int = 64, height: int = 16) -> bytes:
    """A ramp from black (left) to white (right) with 16 bits a sample."""
    row = b"".join(struct.pack("<H", round(x * 65535 / (width - 1))) for x in range(width))
    image = Image.frombytes("I;16", (width, height), row * height)
    return packed(image, extension)


def colour_16_bits_png(width: int = 8, height: int = 8) -> bytes:
    """An RGB PNG with 16 bits a sample: 0xC0FF, 0x4000, 0x2000 everywhere."""
    row = b"\0" + struct.pack(">HHH", 0xC0FF, 0x4000, 0x2000) * width
    return _png(_header(width, height, 16, 2), zlib.compress(row * height))


def rgb_png_with_clear_colour(width: int = 40, height: int = 40) -> bytes:
    """An RGB PNG of opaque red (left) and a green that tRNS says is clear (right)."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height))
    return packed(image, "png", transparency=GREEN)


def palette_png(*, with_bytes: bool, width: int = 40, height: int = 40) -> bytes:
    """
    A palette PNG: red (left), and green that is clear (right).

    Args:
        with_bytes: Whether tRNS gives an alpha for each entry, red's half, or names one index.
        width: In px.
        height: In px.
    """
    image = Image.new("P", (width, height), 0)
    image.putpalette([*RED, *GREEN])
    image.paste(1, (width // 2, 0, width, height))
    return packed(image, "png", transparency=b"\x80\x00" if with_bytes else 1)


def clear_beside_red(extension: str = "png", width: int = 64, height: int = 64) -> bytes:
    """Opaque red on the left, and on the right a green that cannot be seen."""
    image = Image.new("RGBA", (width, height), (*GREEN, 0))
    image.paste((*RED, 255), (0, 0, width // 2 + 1, height))
    return packed(image, extension)


def grey_alpha_png(width: int = 32, height: int = 32) -> bytes:
    """Grey 100 with alpha 128 everywhere."""
    return packed(Image.new("LA", (width, height), (100, 128)), "png")


def swapped_profile() -> bytes:
    """An ICC profile that is sRGB with red and green exchanged: easily seen, never sRGB."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack_from(">I", profile, 128)[0]
    entries = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, green = entries[b"rXYZ"], entries[b"gXYZ"]
    here, there = profile[red + 4 : red + 12], profile[green + 4 : green + 12]
    profile[red + 4 : red + 12], profile[green + 4 : green + 12] = there, here
    profile[84:100] = bytes(16)  # the checksum, which is no more true; zero = none
    return bytes(profile)


def srgb_profile() -> bytes:
    """An ICC profile of sRGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def tagged(profile: bytes, extension: str = "jpg", colour: Any = RED, mode: str = "RGB") -> bytes:
    """A picture of one colour with an ICC profile."""
    options: dict[str, Any] = {"quality": 95} if extension in {"jpg", "webp", "avif"} else {}
    return packed(Image.new(mode, (64, 48), colour), extension, icc_profile=profile, **options)


def busy_corner(width: int = 300, height: int = 100, corner: str = "right") -> bytes:
    """A flat picture with a patch of chequers, 60 px wide, at its left or right end."""
    image = Image.new("RGB", (width, height), (90, 120, 150))
    start = 0 if corner == "left" else width - 60
    for left in range(start, start + 60, 6):
        for top in range(0, 60, 6):
            dark = (left + top) // 6 % 2
            image.paste((0, 0, 0) if dark else RED, (left, top, left + 6, top + 6))
    return packed(image, "png")


def animation(
    extension: str = "gif",
    colours: Sequence[Any] = (RED, GREEN, BLUE),
    durations_ms: Sequence[int] = (100, 250, 40),
    loop: int | None = 0,
    size: tuple[int, int] = (60, 40),
) -> bytes:
    """
    Frames of one colour each.

    Args:
        extension: gif, webp, png or avif.
        colours: RGB, or RGBA, one for each frame.
        durations_ms: One for each frame.
        size: In px.
        loop: In the format's own words: repeats for gif, plays for webp and png; None = silent.
            AVIF is always for ever.
    """
    mode = "RGBA" if any(len(colour) == 4 for colour in colours) else "RGB"
    frames = [Image.new(mode, size, colour) for colour in colours]
    options: dict[str, Any] = {"duration": list(durations_ms)}
    if loop is not None and extension != "avif":
        options["loop"] = loop
    if extension == "gif":
        options["disposal"] = 2
    if extension in {"webp", "avif"}:
        options["quality"] = 90
    return packed(frames[0], extension, save_all=True, append_images=frames[1:], **options)


def timings(data: bytes) -> tuple[list[float], int | None]:
    """Durations of a file's frames in ms, and its `loop` as Pillow tells it."""
    image = Image.open(BytesIO(data))
    durations = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        image.load()
        durations.append(float(image.info.get("duration", 0)))
    return durations, image.info.get("loop")


def many_frames_gif(frames: int = 10_000) -> bytes:
    """A GIF of so many frames of one pixel."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + frame * frames + b";"


def bomb_png(width: int = 30_000, height: int = 30_000) -> bytes:
    """A PNG of very many black pixels of one bit in few bytes."""
    row = bytes(1 + (width + 7) // 8)
    packer = zlib.compressobj(9)
    pieces = [packer.compress(row * 100) for _ in range(height // 100)]
    return _png(_header(width, height, 1, 0), b"".join(pieces) + packer.flush())


def text_bomb_png(unpacked_bytes: int = 8_000_000) -> bytes:
    """A sound red PNG with a compressed comment that unpacks to so many bytes."""
    comment = b"Comment\0\0" + zlib.compress(bytes(unpacked_bytes), 9)
    data = flat()
    return data[:33] + _chunk(b"zTXt", comment) + data[33:]


def truncated(data: bytes, missing: int | None = None) -> bytes:
    """The file without its last bytes; half of it if nothing else is said."""
    return data[: len(data) - (len(data) // 2 if missing is None else missing)]


def polyglot_gif() -> bytes:
    """A sound GIF that goes on as a script."""
    return flat(extension="gif") + b"\n/*<script>alert(1)</script>*/"


def polyglot_jpeg() -> bytes:
    """A sound JPEG with the beginning of a ZIP archive behind it."""
    return photo(64, 48) + b"PK\x03\x04" + bytes(100)


def not_images() -> dict[str, bytes]:
    """Files of no type we read, by what they are."""
    return {
        "empty": b"",
        "text": b"Just some words.\n",
        "html": b"<!doctype html><title>x</title>",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        "zip": b"PK\x03\x04" + bytes(60),
        "jpeg2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40),
        "zeros": bytes(200),
    }


def slow() -> tuple[bytes, str, str]:
    """Bytes, spec and format of a rendition that takes seconds."""
    return photo(3000, 2000), "4000w,enlarge=1", "avif"


def hungry() -> bytes:
    """A sound PNG in few bytes that takes 400 MB of memory to decode."""
    width, height = 10_000, 10_000
    row = bytes(1 + 3 * width)
    packer = zlib.compressobj(1)
    pieces = [packer.compress(row * 100) for _ in range(height // 100)]
    return _png(_header(width, height, 8, 2), b"".join(pieces) + packer.flush())


def _noise(seed: int) -> Image.Image:
    """256x256 px of noise, the same for the same seed."""
    state, values = seed or 1, bytearray()
    for _ in range(256 * 64):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values += (state >> 32).to_bytes(4, "little")
    return Image.frombytes("L", (256, 256), bytes(values))


def _header(width: int, height: int, depth: int, colour: int) -> bytes:
    return struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)


def _png(header: bytes, pixels: bytes) -> bytes:
    chunks = [_chunk(b"IHDR", header), _chunk(b"IDAT", pixels), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _without_segment(jpeg: bytes, marker: int) -> bytes:
    """A JPEG without its first segment of this marker."""
    at = 2
    while jpeg[at + 1] != marker:
        at += 2 + struct.unpack_from(">H", jpeg, at + 2)[0]
    return jpeg[:at] + jpeg[at + 2 + struct.unpack_from(">H", jpeg, at + 2)[0] :]
