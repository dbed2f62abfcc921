import attrs
import pytest
from hypothesis import assume, given
from strategies import sizes, specs

from reticulum.errors import BeyondLimits
from reticulum.imaging.geometry import Window, check_result, plan, result_size
from reticulum.imaging.spec import parse
from reticulum.model import Fit, Format, Size, Spec


@pytest.mark.parametrize(
    "source,text,expected",
    [
        ((1000, 500), "full", (1000, 500)),
        ((1000, 500), "200w", (200, 100)),
        ((1000, 500), "200h", (400, 200)),
        ((1000, 500), "300w200h", (300, 150)),
        ((1000, 500), "300w100h", (200, 100)),
        ((1000, 500), "200s", (200, 200)),
        ((1000, 500), "600s", (500, 500)),
        ((1000, 500), "2000s", (500, 500)),
        ((1000, 500), "2000s,enlarge=1", (2000, 2000)),
        ((60, 40), "100s", (40, 40)),
        ((60, 40), "100w", (60, 40)),
        ((60, 40), "100w,enlarge=1", (100, 67)),
        ((60, 40), "20h", (30, 20)),
        ((60, 40), "50w50h", (50, 33)),
        ((60, 40), "100w100h", (60, 40)),
        ((60, 40), "100w50h,fit=cover", (60, 30)),
        ((61, 40), "100w50h,fit=cover", (61, 31)),
        ((60, 40), "100w50h,fit=pad", (100, 50)),
        ((60, 40), "30w100h,fit=stretch", (30, 40)),
        ((60, 40), "30w100h,fit=stretch,enlarge=1", (30, 100)),
        ((1000, 500), "1w", (1, 1)),
        ((10000, 1), "100w", (100, 1)),
        ((3, 2), "1w", (1, 1)),
        ((200, 3), "100w", (100, 2)),
    ],
)
def test_result_size(source: tuple[int, int], text: str, expected: tuple[int, int]) -> None:
    """Sides follow the table of the design: rounded half up, at least 1, never enlarged."""
    assert Size(*expected) == result_size(Size(*source), parse(text))


@pytest.mark.parametrize(
    "text,left,top",
    [
        ("40s", 10, 0),
        ("40s,gravity=west", 0, 0),
        ("40s,gravity=southeast", 20, 0),
        ("40s,gravity=0.5,0.1", 10, 0),
        ("40s,gravity=0.4,0.5", 4, 0),
        ("40s,gravity=0,1", 0, 0),
        ("40s,gravity=1,1", 20, 0),
        ("60w20h,fit=cover,gravity=south", 0, 20),
        ("60w20h,fit=cover,gravity=0.5,0.75", 0, 20),
        ("60w20h,fit=cover,gravity=0.5,0.6", 0, 14),
    ],
)
def test_crop_place(text: str, left: int, top: int) -> None:
    """A crop lies where gravity pulls it, around the focal point, and inside the source."""
    window = plan(Size(60, 40), parse(text)).crop

    assert (left, top) == (window.left, window.top)


@pytest.mark.parametrize(
    "text,offset",
    [
        ("100w100h,fit=pad", (20, 30)),
        ("100w100h,fit=pad,gravity=north", (20, 0)),
        ("100w100h,fit=pad,gravity=southwest", (0, 60)),
        ("30w30h,fit=pad", (0, 5)),
    ],
)
def test_padding_place(text: str, offset: tuple[int, int]) -> None:
    """A padded picture lies where gravity pulls it."""
    assert offset == plan(Size(60, 40), parse(text)).offset


def test_entropy_place_is_the_callers() -> None:
    """With gravity by entropy the crop lies where the caller, who saw the pixels, says."""
    found = plan(Size(60, 40), parse("40s,gravity=entropy"), (1.0, 0.0))

    assert Window(20, 0, 40, 40) == found.crop


@pytest.mark.parametrize("text", ["100w50h,fit=cover", "61w31h,fit=cover"])
def test_crop_that_is_not_scaled_is_whole_pixels(text: str) -> None:
    """Where a crop needs no scaling it covers whole pixels, so that nothing is blurred."""
    assert Window(0, 5, 61, 31) == plan(Size(61, 40), parse(text)).crop


@given(sizes(), specs())
def test_stays_in_the_box(source: Size, spec: Spec) -> None:
    """No result is larger than the box; only padding and `enlarge` go beyond the source."""
    result = result_size(source, spec)

    assert spec.width is None or result.width <= spec.width
    assert spec.height is None or result.height <= spec.height
    if not spec.enlarge and spec.fit is not Fit.PAD:
        assert result.width <= source.width
        assert result.height <= source.height


@given(sizes(), specs())
def test_whole_picture_keeps_its_proportions(source: Size, spec: Spec) -> None:
    """Inside and pad scale both sides alike, within the rounding of one side to whole pixels."""
    assume(spec.fit in {Fit.INSIDE, Fit.PAD})
    scaled = plan(source, spec).scaled

    exact = max(1, source.height * scaled.width / source.width)
    inverse = max(1, source.width * scaled.height / source.height)
    assert abs(exact - scaled.height) <= 0.5 or abs(inverse - scaled.width) <= 0.5


@given(sizes(), specs())
def test_crop_lies_in_the_source(source: Size, spec: Spec) -> None:
    """No crop reaches beyond the source, and a crop has the result's proportions."""
    found = plan(source, spec)

    assert found.crop.left + found.crop.width <= source.width + 1e-6
    assert found.crop.top + found.crop.height <= source.height + 1e-6
    if spec.fit is Fit.COVER:
        ours = found.crop.width / found.crop.height
        assert pytest.approx(found.scaled.width / found.scaled.height) == ours


@given(sizes(), specs())
def test_turned_source_gives_turned_result(source: Size, spec: Spec) -> None:
    """Exchanging the sides of source and box exchanges the sides of the result."""
    turned = attrs.evolve(spec, width=spec.height, height=spec.width)
    there = result_size(source, spec)
    back = result_size(Size(source.height, source.width), turned)

    assert (there.width, there.height) == (back.height, back.width)


def test_limits_name_the_numbers() -> None:
    """A result beyond the limit is refused with its size and the limit."""
    with pytest.raises(BeyondLimits, match="100x50 has 5000 pixels.* at most 4999"):
        check_result(Size(100, 50), Format.JPG, 4999)

    check_result(Size(100, 50), Format.JPG, 5000)


def test_formats_have_longest_sides() -> None:
    """A side that the format cannot hold is refused before anything is decoded."""
    with pytest.raises(BeyondLimits, match="webp holds sides of at most 16383"):
        check_result(Size(16384, 1), Format.WEBP, 10**9)
