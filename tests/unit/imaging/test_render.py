from pathlib import Path

import pictures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from strategies import WRITTEN, sizes, specs

from reticulum.errors import BeyondLimits, DamagedImage, NotAnImage
from reticulum.imaging.geometry import result_size
from reticulum.imaging.limits import Limits
from reticulum.imaging.render import render
from reticulum.imaging.spec import parse
from reticulum.model import Format, Size, Spec

LIMITS = Limits()
MOVING = [Format.GIF, Format.WEBP, Format.PNG, Format.AVIF]


class Made:
    """What one rendering gave."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.image = pictures.unpacked(data)

    @property
    def has_alpha(self) -> bool:
        """Whether pixels may let something show through."""
        return self.image.has_transparency_data

    def at(self, x: float, y: float) -> tuple[int, ...]:
        """RGBA of the pixel at fractions of width and height."""
        place = (int(x * self.image.width), int(y * self.image.height))
        pixel = self.image.convert("RGBA").getpixel(place)
        assert isinstance(pixel, tuple)
        return pixel


def _make(tmp_path: Path, data: bytes, text: str, output: str, limits: Limits = LIMITS) -> Made:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(data)
    target.unlink(missing_ok=True)
    render(source, parse(text), Format(output), target, limits)
    return Made(target.read_bytes())


def _near(expected: tuple[int, ...], actual: tuple[int, ...], tolerance: int = 12) -> bool:
    return all(
        abs(ours - theirs) <= tolerance for ours, theirs in zip(expected, actual, strict=False)
    )


@given(sizes(70), specs(90), st.sampled_from([Format.PNG, Format.JPG]), st.integers(1, 8))
def test_size_is_what_geometry_says(
    tmp_path: Path, size: Size, spec: Spec, source: Format, orientation: int
) -> None:
    """The rendition has the size that was computed from numbers alone, in every case."""
    data = pictures.oriented(orientation, source, pictures.photograph(size.width, size.height))
    (tmp_path / "source").write_bytes(data)
    target = tmp_path / "target"
    target.unlink(missing_ok=True)
    render(tmp_path / "source", spec, Format.PNG, target, LIMITS)

    expected = result_size(size, spec)
    assert (expected.width, expected.height) == pictures.unpacked(target.read_bytes()).size


@pytest.mark.parametrize("text", ["100w", "333w", "120s", "300w100h,fit=cover,gravity=0.9,0.1"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_size_of_drafted_jpeg(tmp_path: Path, text: str, orientation: int) -> None:
    """A JPEG decoded at a fraction of its size gives the exact size too."""
    data = pictures.oriented(orientation, "jpg", pictures.photograph(1601, 1203))
    made = _make(tmp_path, data, text, "png")

    expected = result_size(Size(1601, 1203), parse(text))
    assert (expected.width, expected.height) == made.image.size


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "avif"])
@pytest.mark.parametrize("text", ["full", "30w", "400w,enlarge=1"])
def test_orientation(tmp_path: Path, extension: str, orientation: int, text: str) -> None:
    """All eight orientations come out upright, from every format that can tell them."""
    made = _make(tmp_path, pictures.oriented(orientation, extension), text, "png")

    assert _near(pictures.RED, made.at(0.2, 0.2), 40)
    assert _near(pictures.GREEN, made.at(0.8, 0.2), 40)
    assert _near(pictures.BLUE, made.at(0.2, 0.8), 40)
    assert _near(pictures.YELLOW, made.at(0.8, 0.8), 40)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_crop_of_turned_picture(tmp_path: Path, orientation: int) -> None:
    """Gravity means the picture as displayed, however it is stored."""
    data = pictures.oriented(orientation)
    made = _make(tmp_path, data, "10w10h,fit=cover,gravity=0.1,0.9", "png")
    corner = _make(tmp_path, data, "20w5h,fit=cover,gravity=south", "png")

    assert _near(pictures.BLUE, made.at(0.2, 0.9), 40)
    assert _near(pictures.YELLOW, corner.at(0.9, 0.5), 40)


@pytest.mark.parametrize("output", WRITTEN)
def test_metadata_is_stripped(tmp_path: Path, output: Format) -> None:
    """No EXIF, profile, XMP or comment of the source is in the result, even at full size."""
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    data = pictures.packed(
        pictures.photograph(60, 40),
        "jpg",
        exif=exif,
        comment=b"a secret word",
        icc_profile=pictures.srgb_profile(),
        xmp=b"<x>a secret packet</x>",
    )
    for text in ("full,q=70", "30w"):
        made = _make(tmp_path, data, text, output)

        assert b"secret" not in made.data
        assert b"lcms" not in made.data
        assert not {"exif", "icc_profile", "xmp", "comment"} & set(made.image.info)


@pytest.mark.parametrize("is_inverted", [True, False])
def test_cmyk(tmp_path: Path, is_inverted: bool) -> None:
    """CMYK comes out in its colours, with Adobe's inversion and without."""
    made = _make(tmp_path, pictures.cmyk((200, 60, 30), is_inverted=is_inverted), "30w", "png")

    assert not made.has_alpha
    assert _near((200, 60, 30), made.at(0.5, 0.5))


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_grey_of_16_bits(tmp_path: Path, extension: str) -> None:
    """16 bits are scaled to 8: the middle of the ramp is middle grey, not white."""
    made = _make(tmp_path, pictures.grey_16_bits(extension), "full,q=99", "webp")

    assert _near((128, 128, 128), made.at(0.5, 0.5), 8)
    assert _near((0, 0, 0), made.at(0, 0.5), 8)
    assert _near((255, 255, 255), made.at(0.99, 0.5), 8)


def test_colour_of_16_bits(tmp_path: Path) -> None:
    """16-bit RGB keeps its upper 8 bits."""
    made = _make(tmp_path, pictures.colour_16_bits_png(), "full", "tif")

    assert _near((0xC0, 0x40, 0x20), made.at(0.5, 0.5), 1)


@pytest.mark.parametrize(
    "data,left_alpha",
    [
        (pictures.palette_png(with_bytes=False), 255),
        (pictures.palette_png(with_bytes=True), 128),
        (pictures.rgb_png_with_clear_colour(), 255),
        (pictures.clear_beside_red(), 255),
    ],
)
@pytest.mark.parametrize("output", ["png", "webp", "tif", "avif"])
def test_transparency_is_kept(tmp_path: Path, data: bytes, left_alpha: int, output: str) -> None:
    """Alpha arrives however the source tells it: channel, palette, index, or one clear colour."""
    made = _make(tmp_path, data, "20w", output)

    assert _near((255, 0, 0, left_alpha), made.at(0.2, 0.5), 20)
    assert _near((0,), made.at(0.9, 0.5)[3:], 4)


def test_clear_pixels_do_not_bleed(tmp_path: Path) -> None:
    """The edge between red and a green that cannot be seen holds no green, at any alpha."""
    made = _make(tmp_path, pictures.clear_beside_red(), "13w", "png")

    seen = [made.image.convert("RGBA").getpixel((x, 6)) for x in range(13)]
    assert any(0 < pixel[3] < 255 for pixel in seen)
    assert all(pixel[1] <= 2 for pixel in seen if pixel[3] > 2)


def test_flattened_on_white(tmp_path: Path) -> None:
    """Where the format has no alpha, what shows through is white."""
    made = _make(tmp_path, pictures.clear_beside_red(), "32w", "jpg")

    assert _near((255, 255, 255), made.at(0.9, 0.5))
    assert _near((255, 0, 0), made.at(0.1, 0.5))


def test_grey_with_alpha(tmp_path: Path) -> None:
    """Grey with alpha keeps both, and is flattened as grey."""
    kept = _make(tmp_path, pictures.grey_alpha_png(), "16w", "png")
    flat = _make(tmp_path, pictures.grey_alpha_png(), "16w", "jpg")

    assert "LA" == kept.image.mode
    assert _near((100, 100, 100, 128), kept.at(0.5, 0.5), 2)
    assert "L" == flat.image.mode
    assert _near((177,), flat.at(0.5, 0.5), 3)


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "avif"])
def test_profile_is_applied(tmp_path: Path, extension: str) -> None:
    """Colours come out as the profile means them: here red and green are exchanged."""
    made = _make(tmp_path, pictures.tagged(pictures.swapped_profile(), extension), "30w", "png")

    assert _near(pictures.GREEN, made.at(0.5, 0.5), 30)


@pytest.mark.parametrize("profile", [b"", b"nonsense", pictures.swapped_profile()[:200]])
def test_broken_profile_is_ignored(tmp_path: Path, profile: bytes) -> None:
    """A profile that cannot be used is as good as none."""
    made = _make(tmp_path, pictures.tagged(profile), "30w", "png")

    assert _near(pictures.RED, made.at(0.5, 0.5))


@pytest.mark.parametrize("mode,colour", [("L", 100), ("CMYK", (0, 255, 255, 0))])
def test_profile_of_another_kind_is_ignored(tmp_path: Path, mode: str, colour: object) -> None:
    """An RGB profile in a grey or CMYK picture changes nothing."""
    data = pictures.tagged(pictures.swapped_profile(), "jpg", colour, mode)
    made = _make(tmp_path, data, "30w", "png")

    assert _near((100, 100, 100) if mode == "L" else (255, 0, 0), made.at(0.5, 0.5))


def test_profile_with_alpha(tmp_path: Path) -> None:
    """A profile is applied to colours and leaves alpha alone."""
    data = pictures.tagged(pictures.swapped_profile(), "png", (255, 0, 0, 90), "RGBA")
    made = _make(tmp_path, data, "30w", "png")

    assert _near((0, 255, 0, 90), made.at(0.5, 0.5), 30)


def test_one_bit(tmp_path: Path) -> None:
    """Black and white pictures are scaled in grey, not in dots."""
    data = pictures.packed(pictures.photograph(200, 100).convert("1"), "png")
    made = _make(tmp_path, data, "20w", "png")

    assert "L" == made.image.mode
    assert len(made.image.getcolors() or []) > 10


def test_lab(tmp_path: Path) -> None:
    """A CIE Lab TIFF comes out in its colours."""
    data = pictures.packed(Image.new("LAB", (20, 20), (136, 208, 195)), "tif")
    made = _make(tmp_path, data, "full", "png")

    red, green, blue, _ = made.at(0.5, 0.5)
    assert red > 200
    assert green < 60
    assert blue < 60


@pytest.mark.parametrize("output,expected", [("png", 0), ("jpg", 255), ("gif", 0)])
def test_padding(tmp_path: Path, output: str, expected: int) -> None:
    """Padding is clear where the output has alpha, else white."""
    made = _make(tmp_path, pictures.flat(), "60w60h,fit=pad", output)

    assert (60, 60) == made.image.size
    padding = made.at(0.5, 0.02)
    assert _near((expected,) if output != "jpg" else (255, 255, 255), padding[3:] or padding, 3)
    assert _near(pictures.RED, made.at(0.5, 0.5))


@pytest.mark.parametrize("alpha,expected", [(100, (0, 0)), (140, (115, 255)), (255, (0, 255))])
def test_gif_of_what_is_half_clear(tmp_path: Path, alpha: int, expected: tuple[int, int]) -> None:
    """Below one half a GIF's pixel is clear; above, white shines through as in a JPEG."""
    data = pictures.packed(Image.new("RGBA", (20, 20), (0, 0, 0, alpha)), "png")
    pixel = _make(tmp_path, data, "10w", "gif").at(0.5, 0.5)

    assert expected[1] == pixel[3]
    assert not pixel[3] or _near((expected[0],), pixel)


@pytest.mark.parametrize("output", WRITTEN)
@pytest.mark.parametrize("text", ["full,q=60", "40s", "90w70h,fit=pad"])
def test_equal_input_gives_equal_bytes(tmp_path: Path, output: Format, text: str) -> None:
    """Rendering twice gives the same bytes."""
    data = pictures.photo(120, 80)

    assert _make(tmp_path, data, text, output).data == _make(tmp_path, data, text, output).data


def test_quality_matters(tmp_path: Path) -> None:
    """A lower quality gives fewer bytes."""
    data = pictures.photo(300, 200, "png")

    assert len(_make(tmp_path, data, "full,q=20", "jpg").data) < len(
        _make(tmp_path, data, "full,q=95", "jpg").data
    )


@pytest.mark.parametrize("corner", ["left", "right"])
def test_entropy_keeps_what_is_busy(tmp_path: Path, corner: str) -> None:
    """The busy patch at one end of a flat picture is inside the crop, whole."""
    data = pictures.busy_corner(corner=corner)
    made = _make(tmp_path, data, "100s,gravity=entropy", "png")

    patch = pictures.unpacked(data)
    left = 0 if corner == "left" else 240
    expected = sorted(patch.crop((left, 0, left + 60, 60)).getcolors() or [])
    found = {colour: count for count, colour in made.image.convert("RGB").getcolors() or []}
    assert all(found.get(colour, 0) >= count * 0.95 for count, colour in expected)


@pytest.mark.parametrize("source", ["gif", "webp", "png", "avif"])
@pytest.mark.parametrize("output", MOVING)
def test_animation_keeps_time_and_frames(tmp_path: Path, source: str, output: Format) -> None:
    """Frames, their durations and colours survive every conversion."""
    data = pictures.animation(source, durations_ms=(100, 250, 40))
    made = _make(tmp_path, data, "30w", output)

    durations, _ = pictures.timings(made.data)
    assert [100, 250, 40] == durations
    for number, colour in enumerate((pictures.RED, pictures.GREEN, pictures.BLUE)):
        made.image.seek(number)
        assert _near(colour, made.at(0.5, 0.5), 20)


@pytest.mark.parametrize("output,expected", [("gif", 100), ("webp", 99), ("png", 99), ("avif", 99)])
def test_total_time_does_not_drift(tmp_path: Path, output: str, expected: int) -> None:
    """Rounding to a format's steps does not add up over the frames."""
    colours = [(10 * n, 0, 0) for n in range(9)]
    data = pictures.animation("png", colours, [11] * 9)
    durations, _ = pictures.timings(_make(tmp_path, data, "30w", output).data)

    assert expected == sum(durations)


@pytest.mark.parametrize(
    "source,loop,output,expected",
    [
        ("gif", 0, "webp", 0),
        ("gif", 0, "png", 0),
        ("gif", 0, "gif", 0),
        ("gif", None, "gif", None),
        ("gif", None, "webp", 1),
        ("gif", None, "png", 1),
        ("gif", 3, "gif", 3),
        ("gif", 3, "webp", 4),
        ("gif", 3, "png", 4),
        ("webp", 1, "gif", None),
        ("webp", 4, "gif", 3),
        ("webp", 4, "png", 4),
        ("webp", 0, "gif", 0),
        ("png", 2, "webp", 2),
        ("avif", None, "gif", 0),
        ("avif", None, "webp", 0),
    ],
)
def test_loops(
    tmp_path: Path, source: str, loop: int | None, output: str, expected: int | None
) -> None:
    """It is shown as often as before: GIF counts repeats, the others count plays."""
    made = _make(tmp_path, pictures.animation(source, loop=loop), "30w", output)

    assert expected == pictures.timings(made.data)[1]


def test_loops_survive_avif(tmp_path: Path) -> None:
    """AVIF keeps the number of plays too, though Pillow cannot tell it."""
    there = _make(tmp_path, pictures.animation("gif", loop=3), "30w", "avif")
    back = _make(tmp_path, there.data, "20w", "webp")

    assert 4 == pictures.timings(back.data)[1]


@pytest.mark.parametrize("source", ["gif", "webp", "png", "avif"])
@pytest.mark.parametrize("output", MOVING)
def test_clear_frames_show_nothing_of_the_last(tmp_path: Path, source: str, output: Format) -> None:
    """A frame that is clear is clear, and does not show the frame before."""
    colours = [(255, 0, 0, 255), (0, 0, 0, 0), (0, 0, 255, 255)]
    made = _make(tmp_path, pictures.animation(source, colours), "30w", output)

    made.image.seek(1)
    assert made.at(0.5, 0.5)[3] < 8
    made.image.seek(2)
    assert _near((0, 0, 255, 255), made.at(0.5, 0.5), 20)


def test_partial_frames_are_composed(tmp_path: Path) -> None:
    """A GIF frame that covers a part leaves the rest of the one before."""
    first = Image.new("P", (40, 40), 0)
    first.putpalette([*pictures.RED, *pictures.GREEN])
    second = first.copy()
    second.paste(1, (0, 0, 10, 10))
    data = pictures.packed(first, "gif", save_all=True, append_images=[second], duration=100)
    made = _make(tmp_path, data, "full", "png")

    made.image.seek(1)
    assert _near(pictures.GREEN, made.at(0.1, 0.1), 3)
    assert _near(pictures.RED, made.at(0.9, 0.9), 3)


@pytest.mark.parametrize("output", ["jpg", "tif"])
def test_still_formats_show_the_first_frame(tmp_path: Path, output: str) -> None:
    """A format that cannot move shows the first frame."""
    made = _make(tmp_path, pictures.animation("gif"), "30w", output)

    assert 1 == getattr(made.image, "n_frames", 1)
    assert _near(pictures.RED, made.at(0.5, 0.5))


@pytest.mark.parametrize("output", MOVING)
def test_animation_is_cropped_and_padded(tmp_path: Path, output: Format) -> None:
    """Every frame goes through the same crop and onto the same canvas."""
    cropped = _make(tmp_path, pictures.animation("gif"), "20s,gravity=entropy", output)
    padded = _make(tmp_path, pictures.animation("gif"), "60w60h,fit=pad", output)

    assert (20, 20) == cropped.image.size
    assert (60, 60) == padded.image.size
    padded.image.seek(2)
    assert padded.at(0.5, 0.01)[3] < 8
    assert _near(pictures.BLUE, padded.at(0.5, 0.5), 20)


def test_palette_source_stays_small(tmp_path: Path) -> None:
    """A PNG of few colours is not blown up to true colour."""
    made = _make(tmp_path, pictures.palette_png(with_bytes=False), "full", "png")

    assert "P" == made.image.mode
    assert (255, 0, 0, 255) == made.at(0.2, 0.5)
    assert 0 == made.at(0.8, 0.5)[3]


@pytest.mark.parametrize(
    "data,expected",
    [
        (pictures.truncated(pictures.photo(200, 100)), DamagedImage),
        (pictures.bomb_png(), BeyondLimits),
        (b"words", NotAnImage),
    ],
)
def test_failure_leaves_nothing(tmp_path: Path, data: bytes, expected: type[Exception]) -> None:
    """When rendering fails there is no file at the target."""
    with pytest.raises(expected):
        _make(tmp_path, data, "100w", "jpg")

    assert not (tmp_path / "target").exists()


def test_results_are_bounded(tmp_path: Path) -> None:
    """A result of too many pixels or too many bytes is refused."""
    with pytest.raises(BeyondLimits, match="pixels"):
        _make(tmp_path, pictures.flat(), "600w,enlarge=1", "jpg", Limits(max_output_pixels=9))
    with pytest.raises(BeyondLimits, match="bytes"):
        _make(tmp_path, pictures.photo(), "600w", "png", Limits(output_bytes=1000))

    assert not (tmp_path / "target").exists()


def test_target_is_never_overwritten(tmp_path: Path) -> None:
    """A file at the target is left as it is."""
    (tmp_path / "source").write_bytes(pictures.flat())
    (tmp_path / "target").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        render(tmp_path / "source", parse("9w"), Format.PNG, tmp_path / "target", LIMITS)

    assert b"mine" == (tmp_path / "target").read_bytes()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "CMYK", "I;16"])
@pytest.mark.parametrize("output", WRITTEN)
def test_every_mode_becomes_every_format(tmp_path: Path, mode: str, output: Format) -> None:
    """Whatever the pixels are, each format can be made of them."""
    image = pictures.photograph(40, 30)
    image = image.convert("L").convert("I;16") if mode == "I;16" else image.convert(mode)
    made = _make(tmp_path, pictures.packed(image, "tif"), "20w", output)

    assert (20, 15) == made.image.size
