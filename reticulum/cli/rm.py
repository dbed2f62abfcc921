"""`reticulum rm`: delete images."""

import sys
from collections.abc import Sequence

import click

from reticulum.cli import target
from reticulum.cli.node import Node, Refused
from reticulum.cli.output import Output
from reticulum.cli.session import Session, node_options
from reticulum.model import ImageId


@click.command(short_help="Delete images from the grid.")
@click.argument("image_ids", metavar="ID...", callback=target.image_ids, nargs=-1, required=True)
@click.option("--yes", "-y", is_flag=True, help="Don't ask, even on a terminal.")
@node_options
def rm(session: Session, image_ids: tuple[ImageId, ...], *, yes: bool) -> int:
    """
    Delete each image from the whole grid, with every rendition; prints the ids.

    On a terminal it asks first, once for all. In a script, where nobody could answer, it
    deletes without a question, as rm(1) does.

    With --json, one object a line: "id" and "deleted", or "id" and "error".
    """
    if not yes and sys.stdin.isatty() and sys.stderr.isatty():
        what = "1 image" if len(image_ids) == 1 else f"{len(image_ids)} images"
        if not click.confirm(f"Delete {what} from the whole grid, for good?", err=True):
            session.output.complain("nothing was deleted")
            return 1
    return session.run(lambda node: delete_images(node, image_ids, session.output))


async def delete_images(node: Node, image_ids: Sequence[ImageId], output: Output) -> int:
    """
    Delete images, in the order given.

    Returns:
        Exit code: 1 if the node refused any. A refused key ends it at once.
    """
    code = 0
    for image_id in image_ids:
        try:
            await node.delete(image_id)
        except Refused as refused:
            code = 1
            output.record({"id": str(image_id), "error": str(refused)})
            output.complain(f"{image_id}: {refused}")
            if refused.concerns_key:
                return code
            continue
        output.record({"id": str(image_id), "deleted": True})
        output.line(str(image_id))
    return code
