"""Sample pictures, drawn from a number: landscapes, towns, ripples and shapes, each another one."""

import colorsys
import itertools
import math
import random
from collections.abc import Callable
from io import BytesIO
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

SIZE: Final = (800, 600)

_WIDTH, _HEIGHT = SIZE
_FORMATS: Final[tuple[tuple[str, dict[str, int]], ...]] = (
    ("JPEG", {"quality": 88}),
    ("PNG", {}),
    ("WEBP", {"quality": 85, "method": 2}),
)
_Colour = tuple[int, int, int]


def sample(number: int, seed: int) -> bytes:
    """
    Draw a picture and pack it as JPEG, PNG or WebP in turn.

    Equal arguments give equal bytes; with any other *number* the picture is another one.
    """
    rng = random.Random(f"{seed}/{number}")  # noqa: S311  (a picture is no secret)
    painter = _PAINTERS[number % len(_PAINTERS)]
    # Each kind of picture comes in each format: the two counts have no common divisor.
    name, options = _FORMATS[number % len(_FORMATS)]
    file = BytesIO()
    painter(rng).save(file, name, **options)
    return file.getvalue()


def _landscape(rng: random.Random) -> Image.Image:
    """Hills behind hills under a sky with a sun."""
    hue = rng.random()
    picture = _slope(_colour(hue, 0.55, 0.55), _colour(hue + 0.12, 0.35, 1.0))
    _glow(picture, (rng.randrange(100, 700), rng.randrange(90, 260)), rng.randrange(30, 60))
    draw = ImageDraw.Draw(picture)
    ridges = rng.randrange(4, 7)
    for ridge in range(ridges):
        near = (ridge + 1) / ridges
        height = 0.35 + 0.5 * near
        line = _ridge(rng, roughness=190 * (1.1 - near))
        points = [(x, _HEIGHT * height - y) for x, y in line]
        fill = _colour(hue + 0.45 * near, 0.25 + 0.4 * near, 0.85 - 0.65 * near)
        draw.polygon([(0, _HEIGHT), *points, (_WIDTH, _HEIGHT)], fill=fill)
    return picture


def _town(rng: random.Random) -> Image.Image:
    """A town at night, with a moon and lit windows."""
    hue = rng.uniform(0.5, 0.8)
    picture = _slope(_colour(hue, 0.8, 0.12), _colour(hue + 0.1, 0.6, 0.5))
    draw = ImageDraw.Draw(picture)
    for _ in range(150):
        draw.point((rng.randrange(_WIDTH), rng.randrange(_HEIGHT // 2)), fill=(255, 255, 230))
    _glow(picture, (rng.randrange(80, 720), rng.randrange(70, 160)), rng.randrange(25, 45))
    for row in range(3):
        wall = _colour(hue, 0.4, 0.3 - 0.09 * row)
        x = -rng.randrange(40)
        while x < _WIDTH:
            width = rng.randrange(50, 110)
            top = rng.randrange(190 + 90 * row, 360 + 70 * row)
            draw.rectangle((x, top, x + width, _HEIGHT), fill=wall)
            for left in range(x + 8, x + width - 12, 16):
                for upper in range(top + 10, _HEIGHT, 22):
                    if rng.random() < 0.35:  # noqa: PLR2004  (a third of them)
                        light = _colour(rng.uniform(0.09, 0.16), 0.6, 1.0)
                        draw.rectangle((left, upper, left + 7, upper + 10), fill=light)
            x += width + rng.randrange(12)
    return picture


def _ripples(rng: random.Random) -> Image.Image:
    """Rings around a few centres, where waves meet, in three colours."""
    waves = Image.new("L", SIZE, 128)
    for _ in range(3):
        length = rng.uniform(14, 40)
        rings = Image.radial_gradient("L").resize((2 * _WIDTH, 2 * _WIDTH))
        rings = rings.point([int(128 + 127 * math.sin(level * 6 / length)) for level in range(256)])
        left, top = rng.randrange(_WIDTH), rng.randrange(_WIDTH - _HEIGHT, _WIDTH)
        waves = ImageChops.blend(waves, rings.crop((left, top, left + _WIDTH, top + _HEIGHT)), 0.5)
    hue = rng.random()
    table = [_colour(hue + level / 700, 0.75, 0.25 + level / 340) for level in range(256)]
    bands = [waves.point([colour[band] for colour in table]) for band in range(3)]
    return Image.merge("RGB", bands)


def _shapes(rng: random.Random) -> Image.Image:
    """Discs and polygons, see-through, on a slope of colour."""
    hue = rng.random()
    picture = _slope(_colour(hue, 0.3, 1.0), _colour(hue + 0.3, 0.5, 0.8))
    draw = ImageDraw.Draw(picture, "RGBA")
    for _ in range(rng.randrange(14, 24)):
        x, y, radius = rng.randrange(_WIDTH), rng.randrange(_HEIGHT), rng.randrange(40, 150)
        fill = (*_colour(hue + rng.uniform(0.2, 0.9), 0.8, 0.9), 120)
        corners = rng.choice((0, 3, 4, 5, 6))
        if corners:
            draw.regular_polygon((x, y, radius), corners, rng.randrange(360), fill=fill)
        else:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    return picture


_PAINTERS: Final[tuple[Callable[[random.Random], Image.Image], ...]] = (
    _landscape,
    _shapes,
    _town,
    _ripples,
)


def _colour(hue: float, saturation: float, value: float) -> _Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, min(saturation, 1), min(max(value, 0), 1))
    return int(255 * red), int(255 * green), int(255 * blue)


def _slope(top: _Colour, bottom: _Colour) -> Image.Image:
    """From one colour down to another."""
    mask = Image.linear_gradient("L").resize(SIZE)
    return Image.composite(Image.new("RGB", SIZE, bottom), Image.new("RGB", SIZE, top), mask)


def _glow(picture: Image.Image, centre: tuple[int, int], radius: int) -> None:
    """Put a sun or a moon with a halo on *picture*."""
    x, y = centre
    light = Image.new("L", SIZE)
    draw = ImageDraw.Draw(light)
    draw.ellipse((x - 2 * radius, y - 2 * radius, x + 2 * radius, y + 2 * radius), fill=90)
    light = light.filter(ImageFilter.GaussianBlur(radius / 2))
    ImageDraw.Draw(light).ellipse((x - radius, y - radius, x + radius, y + radius), fill=245)
    picture.paste((255, 250, 220), (0, 0), light)


def _ridge(rng: random.Random, roughness: float) -> list[tuple[float, float]]:
    """A line of hills: halves are moved by ever less."""
    heights = [rng.uniform(0, roughness), rng.uniform(0, roughness)]
    while len(heights) < _WIDTH // 6:
        roughness *= 0.55
        between = [
            (one + other) / 2 + rng.uniform(-roughness, roughness)
            for one, other in itertools.pairwise(heights)
        ]
        last = heights[-1]
        heights = [height for pair in zip(heights, between, strict=False) for height in pair]
        heights.append(last)
    step = _WIDTH / (len(heights) - 1)
    return [(place * step, height) for place, height in enumerate(heights)]
