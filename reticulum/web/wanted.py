"""The path of a picture into values, and the one canonical path that equal requests share."""

from functools import lru_cache
from urllib.parse import quote

import attrs

from reticulum.errors import BadSpec, UnknownImage
from reticulum.imaging.spec import canonical, parse
from reticulum.model import Format, ImageId, Rendition, Spec

_EXTENSIONS = {**{str(output): output for output in Format}, "jpeg": Format.JPG, "tiff": Format.TIF}


@attrs.frozen
class Wanted:
    """
    A picture as a path asks for it.

    Args:
        rendition: Which.
        spec: What its text says.
        moved_to: The canonical path, if the one given is another.
    """

    rendition: Rendition
    spec: Spec
    moved_to: bytes | None


@lru_cache(maxsize=4096)
def wanted_picture(image_id: str, spec: str, name: str) -> Wanted:
    """
    Read the three segments of `/image/<id>/<spec>/<name>.<ext>`, unquoted.

    Raises:
        BadImageId, BadSpec: Malformed; the text says what.
        UnknownImage: The name has no extension.
    """
    identity = ImageId.parse(image_id)
    stem, output = _output(name)
    parsed = parse(spec)
    text = canonical(parsed, output)
    # A bare digest stays bare: it is how existing sites have their images in their pages.
    canonical_path = (image_id.lower(), text, f"{stem}.{output}")
    moved_to = None
    if canonical_path != (image_id, spec, name):
        moved_to = "/image/" + "/".join(quote(part, safe=",=") for part in canonical_path)
    return Wanted(
        Rendition(identity, text, output), parsed, moved_to.encode() if moved_to else None
    )


def _output(name: str) -> tuple[str, Format]:
    """Stem and format of a file name; the extension decides."""
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem:
        raise UnknownImage("an image's path ends in a name and an extension, such as image.jpg")
    output = _EXTENSIONS.get(extension.lower())
    if output is None:
        raise BadSpec(
            f"{extension[:20]!r} is no format made here: use jpg, jpeg, png, webp, gif, avif or tif"
        )
    return stem, output
