"""`reticulum get`: fetch an image, as it was uploaded or in another size and format."""

import hashlib
import sys
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import attrs
import click

from reticulum.cli import target
from reticulum.cli.node import Node
from reticulum.cli.output import Output
from reticulum.cli.saving import saved
from reticulum.cli.session import Session, node_options
from reticulum.errors import BadImageId, ClientError
from reticulum.model import Format, ImageId

FULL = "full"
_OTHER_NAMES = {"jpeg": "jpg", "tiff": "tif"}
_CHOICES = [*(str(output) for output in Format if output is not Format.BMP), *_OTHER_NAMES]


@attrs.frozen(kw_only=True)
class Wanted:
    """
    What to fetch, and to where.

    Args:
        image_id: Which image.
        spec: Which size and options, in the words of image URLs.
        output: Format, or None for the one it was uploaded in.
        place: File or folder; None for the current one.
    """

    image_id: ImageId
    spec: str = FULL
    output: Format | None = None
    place: Path | None = None


@click.command(short_help="Fetch an image, in any size and format.")
@click.argument("image_id", metavar="ID", callback=target.image_id)
@click.option("--spec", "-s", default=FULL, show_default=True, help="Such as 300w or 200s,q=80.")
@click.option(
    "--format",
    "-f",
    "extension",
    type=click.Choice(_CHOICES, case_sensitive=False),
    help="Another format than it was uploaded in.",
)
@click.option(
    "--output",
    "-o",
    "place",
    metavar="FILE|-",
    help="File, folder, or - for standard output. "
    "[default: ID.EXTENSION, or ID-SPEC.EXTENSION of a rendition]",
)
@node_options
def get(
    session: Session, image_id: ImageId, *, spec: str, extension: str | None, place: str | None
) -> int:
    """
    Fetch an image; prints the name of the file.

    Without --spec and --format these are the very bytes that were uploaded, and they are
    checked against the id. A file is there whole or not at all; one of the same name is replaced.

    With --json, an object: "id", "file", "content_type", "bytes", "checked".
    """
    output = None if extension is None else Format(_OTHER_NAMES.get(extension, extension))
    if place != "-":
        where = None if place is None else Path(place)
        wanted = Wanted(image_id=image_id, spec=spec, output=output, place=where)
        return session.run(lambda node: save_picture(node, wanted, session.output))
    if session.output.as_json:
        raise click.UsageError("--json and --output - both want standard output")
    if sys.stdout.isatty():
        raise click.UsageError("an image is nothing for a terminal: use --output FILE, or a pipe")
    wanted = Wanted(image_id=image_id, spec=spec, output=output)
    return session.run(lambda node: pipe_picture(node, wanted, sys.stdout.buffer))


async def save_picture(node: Node, wanted: Wanted, output: Output) -> int:
    """
    Fetch a picture into a file.

    Returns:
        Exit code.

    Raises:
        ClientError: There is no new file then.
    """
    source = await _find(node, wanted)
    place = wanted.place or Path(source.file_name)
    if place.is_dir():
        place /= source.file_name
    with saved(place) as file:
        length = await _fetch(node, source, file)
    output.record(
        {
            "id": str(source.image_id),
            "file": str(place),
            "content_type": source.format.content_type,
            "bytes": length,
            "checked": source.is_original,
        }
    )
    output.line(str(place))
    return 0


async def pipe_picture(node: Node, wanted: Wanted, stream: BinaryIO) -> int:
    """
    Fetch a picture into a stream.

    Returns:
        Exit code.

    Raises:
        ClientError: What was written so far is not to be used.
    """
    await _fetch(node, await _find(node, wanted), stream)
    stream.flush()
    return 0


@attrs.frozen(kw_only=True)
class _Source:
    image_id: ImageId
    spec: str
    format: Format
    is_original: bool

    @property
    def path(self) -> str:
        return f"/image/{self.image_id}/{quote(self.spec, safe=',=')}/image.{self.format}"

    @property
    def file_name(self) -> str:
        spec = "" if self.spec == FULL else "-" + quote(self.spec, safe=",=")
        return f"{self.image_id}{spec}.{self.format}"


async def _find(node: Node, wanted: Wanted) -> _Source:
    facts = await node.facts(wanted.image_id)
    kinds = {output.content_type: output for output in Format}
    own = kinds.get(facts["content_type"])
    try:
        image_id = ImageId.parse(facts["id"])
    except BadImageId as error:
        raise ClientError(f"the node's answer can't be used: {error}") from None
    if own is None:
        raise ClientError(f"the image is of a type unknown here: {facts['content_type']}")
    output = wanted.output or own
    is_original = wanted.spec == FULL and output is own
    return _Source(image_id=image_id, spec=wanted.spec, format=output, is_original=is_original)


async def _fetch(node: Node, source: _Source, file: BinaryIO) -> int:
    digest = hashlib.new(source.image_id.hash_name, usedforsecurity=False)

    def write(piece: bytes) -> None:
        digest.update(piece)
        file.write(piece)

    length = await node.picture(source.path, write)
    if source.is_original and digest.hexdigest() != source.image_id.digest:
        raise ClientError(
            f"what came is not {source.image_id}: its hash is {digest.hexdigest()}; "
            "the bytes were damaged on their way or on the node's disk"
        )
    return length
