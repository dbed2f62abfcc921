"""Paths: fixed by the design, made of ids alone, and readable back."""

from hypothesis import given
from hypothesis import strategies as st

from reticulum.model import Format, HashName, ImageId, Rendition
from reticulum.storage import layout

HEX = "0123456789abcdef"
image_ids = st.sampled_from(HashName).flatmap(
    lambda name: st.text(HEX, min_size=name.hex_digits, max_size=name.hex_digits).map(
        lambda digest: ImageId(name, digest)
    )
)
SHA1 = ImageId(HashName.SHA1, "abcd" + "0" * 36)
SHA256 = ImageId(HashName.SHA256, "0123" + "f" * 60)


def test_originals_lie_where_the_design_says() -> None:
    """The layout is fixed: others find originals by it."""
    assert "originals/sha1/ab/cd/" + "0" * 36 == layout.original(SHA1)
    assert "originals/sha256/01/23/" + "f" * 60 == layout.original(SHA256)
    assert "originals/sha256/01/23/" + "f" * 60 + ".json" == layout.sidecar(SHA256)


def test_renditions_mirror_the_url() -> None:
    """A web server in front makes the path from the words of the URL."""
    key = Rendition(SHA1, "200w,q=80", Format.WEBP)

    assert f"renditions/sha1/ab/cd/{'0' * 36}/200w,q=80.webp" == layout.rendition(key)


@given(image_ids)
def test_path_leads_back_to_the_id(image_id: ImageId) -> None:
    """A store can be listed from its file names alone."""
    assert image_id == layout.image_id(layout.original(image_id))


@given(image_ids)
def test_sidecar_is_no_original(image_id: ImageId) -> None:
    """A sidecar is never listed as an image."""
    assert None is layout.image_id(layout.sidecar(image_id))


@given(st.lists(st.sampled_from(["originals", "sha1", "sha256", "ab", "..", "0" * 36]), max_size=6))
def test_strays_are_no_originals(parts: list[str]) -> None:
    """Only a path that an id leads to is one of ours."""
    path = "/".join(parts)

    image_id = layout.image_id(path)

    assert image_id is None or path == layout.original(image_id)


def test_a_digest_has_the_length_of_its_hash() -> None:
    """Digits too few for the folder they lie in are a stray file, not an error."""
    assert None is layout.image_id("originals/sha256/ab/cd/" + "0" * 36)


@given(image_ids, image_ids)
def test_renditions_of_two_images_never_meet(one: ImageId, other: ImageId) -> None:
    """Removing one image's folder removes nothing of another's."""
    mine, theirs = layout.renditions_of(one) + "/", layout.renditions_of(other) + "/"

    assert one == other or not (mine.startswith(theirs) or theirs.startswith(mine))


def test_pairs() -> None:
    """Two small hexadecimal digits name a folder of the fan-out, nothing else does."""
    names = ["ab", "00", "AB", "abc", "a", "", "a\n", "..", ".s"]
    assert ["ab", "00"] == [name for name in names if layout.is_pair(name)]
