import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import outputs, specs

from reticulum.errors import BadSpec
from reticulum.imaging.options import DEFAULT_QUALITY
from reticulum.imaging.spec import MAX_SIDE, canonical, parse
from reticulum.model import Compass, Entropy, Fit, FocalPoint, Format, Spec


@pytest.mark.parametrize(
    "text,expected",
    [
        ("full", Spec()),
        ("200w", Spec(width=200)),
        ("0200h", Spec(height=200)),
        ("300w200h", Spec(width=300, height=200)),
        ("200h300w", Spec(width=300, height=200)),
        ("200s", Spec(width=200, height=200, fit=Fit.COVER)),
        ("9w8h,fit=pad,gravity=north", Spec(width=9, height=8, fit=Fit.PAD, gravity=Compass.NORTH)),
        (
            "9s,gravity=0.25,1,q=7",
            Spec(width=9, height=9, fit=Fit.COVER, gravity=FocalPoint(0.25, 1.0), quality=7),
        ),
        ("9s,gravity=entropy", Spec(width=9, height=9, fit=Fit.COVER, gravity=Entropy())),
        ("9w,enlarge=1", Spec(width=9, enlarge=True)),
        (f"{MAX_SIDE}w", Spec(width=MAX_SIDE)),
    ],
)
def test_parse(text: str, expected: Spec) -> None:
    """Each form of the grammar is read as the specification says."""
    assert expected == parse(text)


@pytest.mark.parametrize(
    "text,said",
    [
        ("", "size ''"),
        ("0w", "1 to 16384"),
        ("-1h", "size '-1h'"),
        ("99999999999w", "1 to 16384"),
        ("16385h", "1 to 16384"),
        ("1.5w", "size '1.5w'"),
        ("\u0661\u0662w", "size"),
        ("200W", "size '200W'"),
        ("FULL", "size 'FULL'"),
        ("200", "size '200'"),
        ("200w\n", "size"),
        ("100s200w", "size"),
        ("200w,", "name=value"),
        ("200w,big", "'big' is no option"),
        ("200w,blur=3", "unknown option 'blur'"),
        ("200w,Q=3", "unknown option 'Q'"),
        ("200w,q=3,q=4", "q is given twice"),
        ("200w,q=0", "q='0': wanted a whole number 1 to 100"),
        ("200w,q=101", "q='101'"),
        ("200w,q=1,2", "q='1,2'"),
        ("200w,q=", "q=''"),
        ("200w,q=\u0665", "q="),
        ("9w9h,fit=zoom", "fit='zoom': wanted one of inside, cover, pad, stretch"),
        ("9s,gravity=up", "gravity='up'"),
        ("9s,gravity=0.5", "gravity='0.5'"),
        ("9s,gravity=0.5,1.1", "gravity='0.5,1.1'"),
        ("9s,gravity=0.5,0.12345", "at most 4 decimals"),
        ("9s,gravity=nan,0", "gravity="),
        ("9s,gravity=1e-1,0", "gravity="),
        ("9w,enlarge=yes", "enlarge='yes': wanted 0 or 1"),
        ("9w,fit=cover", "fit needs a box"),
        ("full,fit=pad", "fit needs a box"),
        ("9s,fit=pad", "fit=pad cannot go with a square"),
        ("9s,fit=inside", "fit=inside cannot go with a square"),
        ("9w9h,gravity=north", "gravity needs something to cut"),
        ("9w9h,fit=stretch,gravity=north", "gravity needs something to cut"),
        ("9w9h,fit=pad,gravity=entropy", "needs a crop"),
        ("9w9h,fit=pad,gravity=0.1,0.2", "needs a crop"),
        ("full,enlarge=1", "enlarge needs a size"),
        ("200w," + "q" * 200, "at most 128 characters"),
    ],
)
def test_refusal_says_what_is_wrong(text: str, said: str) -> None:
    """A wrong spec is refused with the part that is wrong and what would be right."""
    with pytest.raises(BadSpec) as caught:
        parse(text)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text,output,expected",
    [
        ("200h300w", Format.JPG, "300w200h"),
        ("0200w", Format.JPG, "200w"),
        ("200w200h,fit=cover", Format.JPG, "200s"),
        ("200s,fit=cover", Format.JPG, "200s"),
        ("300w200h,fit=inside", Format.JPG, "300w200h"),
        ("300w200h,q=50,fit=cover", Format.JPG, "300w200h,fit=cover,q=50"),
        ("200s,gravity=0.5000,0.5", Format.JPG, "200s"),
        ("200s,gravity=centre", Format.JPG, "200s"),
        ("200s,gravity=0.2500,1.0", Format.JPG, "200s,gravity=0.25,1"),
        ("200s,enlarge=0", Format.JPG, "200s"),
        ("200s,enlarge=1,gravity=entropy", Format.JPG, "200s,gravity=entropy,enlarge=1"),
        ("200w,q=80", Format.JPG, "200w"),
        ("200w,q=080", Format.WEBP, "200w"),
        ("200w,q=80", Format.AVIF, "200w,q=80"),
        ("200w,q=9", Format.PNG, "200w"),
        ("full,q=80", Format.JPG, "full,q=80"),
        ("full,q=80", Format.PNG, "full"),
    ],
)
def test_canonical(text: str, output: Format, expected: str) -> None:
    """Equal requests in other words have one canonical form."""
    assert expected == canonical(parse(text), output)


@given(specs(), outputs())
def test_canonical_is_stable(spec: Spec, output: Format) -> None:
    """The canonical text of a canonical text is itself, short, and fit for a cache key."""
    text = canonical(spec, output)

    assert text == canonical(parse(text), output)
    assert len(text) <= 128
    assert text.strip("0123456789abcdefghijklmnopqrstuvwxyz,=.") == ""


@given(specs(), outputs())
def test_canonical_keeps_the_meaning(spec: Spec, output: Format) -> None:
    """Reading the canonical text gives the spec again, but for a quality that says nothing."""
    again = parse(canonical(spec, output))

    if again.quality is None:
        assert spec.quality in {None, DEFAULT_QUALITY.get(output)} or not output.has_quality
    else:
        assert spec.quality == again.quality
    for name in ("width", "height", "fit", "gravity", "enlarge"):
        assert getattr(spec, name) == getattr(again, name)


@given(st.text(max_size=140) | st.text("0123456789wshful,=.qgravityen", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text does anything but parse or raise `BadSpec`, which echoes little of it."""
    said = ""
    try:
        parse(text)
    except BadSpec as error:
        said = str(error)

    assert len(said) < 250
