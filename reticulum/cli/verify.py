"""`reticulum verify`: read every byte that a node holds, and compare with the other keepers."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from reticulum.cli import target
from reticulum.cli.desk import Desk, desk_options
from reticulum.cli.live_line import live_bar
from reticulum.cli.node import JsonObject
from reticulum.cli.output import Output, bytes_in_words, seconds_in_words
from reticulum.errors import ClientError
from reticulum.model import ImageId

if TYPE_CHECKING:  # slow to import
    from reticulum.cli.keeping_remote import RemoteKeeping

COUNTS = ("checked", "read_bytes", "damaged", "restored", "lost", "absent", "compared", "short")
MOST_SHORT_SHOWN = 20
"""While a node is down, half of all images may be short; their number is in the summary."""
_WORDS = {
    "restored": "was damaged here; restored from another node",
    "lost": "was damaged here, and nobody who answers has it",
    "absent": "is not on this node, and need not be",
    "short": "is short of copies: see 'reticulum dht health'",
}


@click.command(short_help="Read and check every byte a node holds.")
@click.argument("image_ids", metavar="[ID]...", nargs=-1, callback=target.image_ids)
@click.option("--all", "is_all", is_flag=True, help="All images of the node, as without any ID.")
@desk_options
def verify(desk: Desk, image_ids: tuple[ImageId, ...], *, is_all: bool) -> int:
    """
    Read every byte of what the node holds, get back what is damaged, compare with other keepers.

    A damaged original goes to quarantine and is fetched anew from a node that has it. What other
    keepers lack is given to them. It may be interrupted and begun again at any time.

    Exit code 0 if every image is sound now, here and with the others, else 1.

    With --json, an object: "checked", "read_bytes", "damaged", "restored", "lost", "absent",
    "compared", "short", "few" (images with fewer copies than wanted because there are too few
    nodes), "took_s", and "images", each with "id" and "event": restored, lost, absent or short.
    """
    if image_ids and is_all:
        raise click.UsageError("--all is every image: leave out the IDs, or --all")

    async def work(console: "RemoteKeeping") -> int:
        return await show_verify(console, image_ids or (None,), desk.output)

    return desk.run(work)


async def show_verify(
    console: "RemoteKeeping", image_ids: Sequence[ImageId | None], output: Output
) -> int:
    """
    Have each of *image_ids* verified, None being all there are, and print what was found.

    Returns:
        Exit code.

    Raises:
        ClientError: It broke off.
    """
    sums: Counter[str] = Counter()
    took_s = 0.0
    found: list[JsonObject] = []
    for image_id in image_ids:
        with live_bar(output) as show:
            done = await _one(console, image_id, found, output, show)
        sums.update({name: done[name] for name in (*COUNTS, "few")})
        took_s += done["took_s"]
    output.record(
        {**{name: sums[name] for name in (*COUNTS, "few")}, "took_s": took_s, "images": found}
    )
    for line in _summary(sums, took_s):
        output.line(line)
    return 1 if sums["lost"] or sums["absent"] or sums["short"] else 0


async def _one(
    console: "RemoteKeeping",
    image_id: ImageId | None,
    found: list[JsonObject],
    output: Output,
    show: Callable[[str, int, int], None],
) -> JsonObject:
    shorts = 0
    async with aclosing(console.verify(image_id)) as events:
        async for event in events:
            match event.get("event"):
                case "progress":
                    done = event["checked" if event["phase"] == "reading" else "compared"]
                    show(event["phase"], done, event["total"])
                case "done":
                    return event
                case what:
                    found.append(event)
                    if what == "short":
                        shorts += 1
                        if shorts > MOST_SHORT_SHOWN:
                            continue
                    output.line(f"{event['id']} {_WORDS.get(str(what), str(what))}")
    raise ClientError("the verification broke off: the node did not tell how it ended")


def _summary(sums: Counter[str], took_s: float) -> list[str]:
    read = bytes_in_words(sums["read_bytes"])
    lines = [
        f"checked    {sums['checked']} images, {read}, in {seconds_in_words(took_s)}",
        f"damaged    {sums['damaged']}, of these {sums['restored']} restored, {sums['lost']} lost",
        f"compared   {sums['compared']}, of these {sums['short']} short of copies",
    ]
    if sums["few"]:
        lines.append(f"! {sums['few']} images have too few copies: there are too few nodes")
    if sums["lost"]:
        lines.append("! what is lost comes back by itself when a node that has it does")
    return lines
