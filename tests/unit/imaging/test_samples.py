"""Sample pictures are drawn from numbers alone."""

from io import BytesIO

from PIL import Image

from reticulum.imaging.samples import SIZE, sample


def test_samples_are_all_different() -> None:
    """Another number or another seed is another picture, in three formats, all of one size."""
    drawn = [sample(number, seed) for seed in (1, 2) for number in range(12)]
    opened = [Image.open(BytesIO(data)) for data in drawn]

    assert 24 == len(set(drawn))
    assert {"JPEG", "PNG", "WEBP"} == {picture.format for picture in opened}
    assert {SIZE} == {picture.size for picture in opened}
    # Not one colour all over.
    assert all(len(picture.convert("RGB").getcolors(1 << 20) or []) > 50 for picture in opened)


def test_equal_numbers_draw_equal_bytes() -> None:
    """So that an upload of the same demo is the same image."""
    assert [sample(number, 7) for number in range(4)] == [sample(number, 7) for number in range(4)]
