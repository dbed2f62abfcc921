"""Where everything lies under the data directory: ids to relative paths, and back."""

import re

from reticulum.model import HashName, ImageId, Rendition

INCOMING = "incoming"
ORIGINALS = "originals"
QUARANTINE = "quarantine"
RENDITIONS = "renditions"
SCRATCH = ".scratch"
LOCK = "lock"
TOMBSTONES = "tombstones"
HINTS = "hints"
DOUBT = "doubt"
ATTENDANCE = "attendance"
UPKEEP = "upkeep.json"

SIDECAR_SUFFIX = ".json"

_PAIR = re.compile(r"[0-9a-f]{2}")
_ORIGINAL = re.compile(
    rf"{ORIGINALS}/(sha1|sha256)/([0-9a-f]{{2}})/([0-9a-f]{{2}})/([0-9a-f]{{36}}(?:[0-9a-f]{{24}})?)"
)


def shelf_of(image_id: ImageId) -> tuple[str, str, str]:
    """Folder names an image lies in, below the top: hash name, first and second digit pair."""
    digest = image_id.digest
    return (image_id.hash_name.value, digest[:2], digest[2:4])


def original(image_id: ImageId) -> str:
    """`originals/<hash name>/ab/cd/<rest>`: the file with the bytes as they were uploaded."""
    digest = image_id.digest
    return f"{ORIGINALS}/{image_id.hash_name.value}/{digest[:2]}/{digest[2:4]}/{digest[4:]}"


def sidecar(image_id: ImageId) -> str:
    """The file beside the original that says what it is."""
    return original(image_id) + SIDECAR_SUFFIX


def renditions_of(image_id: ImageId) -> str:
    """`renditions/<hash name>/ab/cd/<rest>`: the folder with every rendition of one image."""
    digest = image_id.digest
    return f"{RENDITIONS}/{image_id.hash_name.value}/{digest[:2]}/{digest[2:4]}/{digest[4:]}"


def rendition(key: Rendition) -> str:
    """
    `<folder of the image>/<spec>.<extension>`: made of the same words as the URL.

    So a web server in front finds it by rewriting the URL alone (nginx `try_files`).
    """
    return f"{renditions_of(key.image_id)}/{key.spec}.{key.format.value}"


def is_pair(name: str) -> bool:
    """Whether *name* can be one of the two levels of folders between hash name and file."""
    return _PAIR.fullmatch(name) is not None


def image_id(path: str) -> ImageId | None:
    """The id whose `original` is *path*, or None for a stray path."""
    match = _ORIGINAL.fullmatch(path)
    if match is None:
        return None
    hash_name = HashName(match[1])
    digest = match[2] + match[3] + match[4]
    if len(digest) != hash_name.hex_digits:
        return None
    return ImageId(hash_name, digest)
