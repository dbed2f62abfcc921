import struct
from pathlib import Path

import pictures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from reticulum.errors import BeyondLimits, DamagedImage, NotAnImage, RequestError
from reticulum.imaging.inspect import inspect
from reticulum.imaging.limits import Limits
from reticulum.model import Facts, Format, Size

LIMITS = Limits()
READ = ["jpg", "png", "webp", "gif", "avif", "tif", "bmp"]
MOVING = ["gif", "webp", "png", "avif"]


def _inspect(tmp_path: Path, data: bytes, limits: Limits = LIMITS) -> Facts:
    source = tmp_path / "source"
    source.write_bytes(data)
    return inspect(source, limits)


@pytest.mark.parametrize("extension", READ)
def test_reads(tmp_path: Path, extension: str) -> None:
    """Every format is told by its bytes, with its size."""
    data = pictures.packed(pictures.corners(60, 40), extension)

    expected = Facts(format=Format(extension), size=Size(60, 40), frames=1)
    assert expected == _inspect(tmp_path, data)


@pytest.mark.parametrize("extension", MOVING)
def test_counts_frames(tmp_path: Path, extension: str) -> None:
    """Frames of moving pictures are counted."""
    assert 3 == _inspect(tmp_path, pictures.animation(extension)).frames


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "avif"])
def test_size_is_as_displayed(tmp_path: Path, extension: str, orientation: int) -> None:
    """The size is that of the picture turned upright."""
    data = pictures.oriented(orientation, extension)

    assert Size(60, 40) == _inspect(tmp_path, data).size


@pytest.mark.parametrize("what", pictures.not_images())
def test_refuses_what_is_no_image(tmp_path: Path, what: str) -> None:
    """Files of other types are told apart from damaged images."""
    with pytest.raises(NotAnImage):
        _inspect(tmp_path, pictures.not_images()[what])


@pytest.mark.parametrize("missing", [1, 2, 13, None])
@pytest.mark.parametrize("extension", READ)
def test_refuses_truncated(tmp_path: Path, extension: str, missing: int | None) -> None:
    """A file that lost its end, be it one byte, is damaged."""
    data = pictures.photo(200, 120, extension)

    with pytest.raises(DamagedImage):
        _inspect(tmp_path, pictures.truncated(data, missing))


@pytest.mark.parametrize("missing", [1, 20, None])
@pytest.mark.parametrize("extension", MOVING)
def test_refuses_truncated_animations(tmp_path: Path, extension: str, missing: int | None) -> None:
    """All frames are looked at, not only the first."""
    with pytest.raises(DamagedImage):
        _inspect(tmp_path, pictures.truncated(pictures.animation(extension), missing))


def test_refuses_gif_cut_between_frames(tmp_path: Path) -> None:
    """A GIF that ends cleanly after a frame, but without its trailer, is truncated too."""
    with pytest.raises(DamagedImage, match="truncated"):
        _inspect(tmp_path, pictures.many_frames_gif(5)[:-1])


def test_refuses_flipped_bit_in_png(tmp_path: Path) -> None:
    """A PNG chunk that is not what its checksum says is damage."""
    data = bytearray(pictures.photo(100, 80, "png"))
    data[len(data) // 2] ^= 1

    with pytest.raises(DamagedImage):
        _inspect(tmp_path, bytes(data))


def test_refuses_bomb_without_decoding(tmp_path: Path) -> None:
    """900 million pixels in a small file are refused from the header."""
    data = pictures.bomb_png()
    assert len(data) < 200_000

    with pytest.raises(BeyondLimits, match=r"30000x30000 pixels.*at most 100000000"):
        _inspect(tmp_path, data)


def test_refuses_many_frames_quickly(tmp_path: Path) -> None:
    """Ten thousand frames are refused after the first thousand, without decoding one."""
    with pytest.raises(BeyondLimits, match="more than 1000 frames"):
        _inspect(tmp_path, pictures.many_frames_gif())


@pytest.mark.parametrize("extension", MOVING)
def test_frames_count_against_the_pixels(tmp_path: Path, extension: str) -> None:
    """Width times height times frames is bounded, for every moving format."""
    limits = Limits(max_total_pixels=3 * 60 * 40 - 1)

    with pytest.raises(BeyondLimits, match="3 frames of 60x40"):
        _inspect(tmp_path, pictures.animation(extension), limits)


@pytest.mark.parametrize("extension", READ)
def test_pixels_are_bounded(tmp_path: Path, extension: str) -> None:
    """Width times height is bounded for every format, at exactly the limit."""
    data = pictures.flat(60, 40, extension)

    assert Size(60, 40) == _inspect(tmp_path, data, Limits(max_pixels=2400)).size
    with pytest.raises(BeyondLimits):
        _inspect(tmp_path, data, Limits(max_pixels=2399))


def test_gif_frame_beyond_its_screen_counts(tmp_path: Path) -> None:
    """A frame that would grow the screen beyond the limit is refused before it is decoded."""
    data = bytearray(pictures.many_frames_gif(3))
    second = data.index(b",", data.index(b",") + 1)
    data[second + 5 : second + 9] = struct.pack("<HH", 60_000, 60_000)

    with pytest.raises(BeyondLimits):
        _inspect(tmp_path, bytes(data))


@pytest.mark.parametrize(
    "build,expected",
    [(pictures.polyglot_gif, Format.GIF), (pictures.polyglot_jpeg, Format.JPG)],
)
def test_polyglot_is_its_image(tmp_path: Path, build: object, expected: Format) -> None:
    """What follows a sound image does not change what it is."""
    assert expected == _inspect(tmp_path, build()).format  # type: ignore[operator]


def test_text_bomb_is_ignored(tmp_path: Path) -> None:
    """A comment that unpacks to megabytes is never unpacked, and the picture is sound."""
    assert Size(60, 40) == _inspect(tmp_path, pictures.text_bomb_png()).size


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + b"\xff" * 500]
)
def test_broken_exif_is_ignored(tmp_path: Path, exif: bytes) -> None:
    """EXIF that cannot be read is as good as none."""
    data = pictures.packed(pictures.corners(), "jpg", exif=exif)

    assert Size(60, 40) == _inspect(tmp_path, data).size


@pytest.mark.parametrize("mode", ["F", "I"])
def test_refuses_samples_of_32_bits(tmp_path: Path, mode: str) -> None:
    """Samples without an agreed white are refused with the reason."""
    with pytest.raises(NotAnImage, match="32 bits"):
        _inspect(tmp_path, pictures.packed(Image.new(mode, (9, 9)), "tif"))


@given(st.data())
def test_damaged_bytes_raise_only_ours(tmp_path: Path, data: st.DataObject) -> None:
    """However a file is damaged, the outcome is facts or one of the project's errors."""
    extension = data.draw(st.sampled_from(READ))
    sound = bytearray(pictures.packed(pictures.corners(24, 16), extension))
    for _ in range(data.draw(st.integers(1, 8))):
        sound[data.draw(st.integers(0, len(sound) - 1))] = data.draw(st.integers(0, 255))
    said = ""
    try:
        _inspect(tmp_path, bytes(sound), Limits(max_pixels=10**6, max_total_pixels=10**7))
    except RequestError as error:
        said = str(error)

    assert str(tmp_path) not in said


def test_text_of_errors_holds_no_path(tmp_path: Path) -> None:
    """Errors for strangers do not tell where the file lies."""
    with pytest.raises(DamagedImage) as caught:
        _inspect(tmp_path, pictures.truncated(pictures.photo(64, 48)))

    assert str(tmp_path) not in str(caught.value)
