"""What a demo looks like on a terminal: a pure function from what is known to what is drawn."""

from collections.abc import Sequence
from pathlib import Path

import attrs
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from reticulum.cli.demo.actor import Row, State
from reticulum.cli.demo.counting import Tally
from reticulum.cli.demo.events import Event

EVENTS = 6
_FEWEST_EVENTS = 3
# The head of the table, the panel of copies, the frame of the events, and the keys.
_FIXED_LINES = 1 + 4 + 2 + 1
_FRAME = 4
_COLOURS = {
    State.STARTING: "yellow",
    State.UP: "green",
    State.HEALING: "bold cyan",
    State.KILLED: "bold red",
    State.ENDED: "bold red",
}
_BY_COPIES = (
    ("0", "bright_red", "█"),
    ("1", "red", "▓"),
    ("2", "yellow", "▒"),
    ("3", "green", "█"),
    ("4+", "cyan", "█"),
)
_KEYS = (
    ("1-9 n p", "choose"),
    ("0", "any"),
    ("k", "kill"),
    ("r", "revive"),
    ("w", "wipe"),
    ("u", "upload"),
    ("d", "delete"),
    ("q", "quit"),
)


@attrs.frozen(kw_only=True)
class Shown:
    """
    All that the screen shows.

    Args:
        rows: Of the nodes.
        tally: How the images do.
        events: What happened, oldest first.
        chosen: Number of the chosen node; 0 if it is left to chance.
        gallery: The page with all pictures.
    """

    rows: Sequence[Row]
    tally: Tally
    events: Sequence[Event]
    chosen: int
    gallery: Path


def screen(shown: Shown, width: int, height: int) -> RenderableType:
    """Draw it for a terminal of *width* columns and *height* lines."""
    room = height - _FIXED_LINES
    events = min(EVENTS, max(_FEWEST_EVENTS, room - len(shown.rows)))
    rows = window(shown.rows, shown.chosen, max(1, room - events))
    return Group(
        _nodes(rows, shown.chosen),
        _copies(shown.tally, width),
        _log(shown.events[-events:], events, shown.gallery),
        _keys(),
    )


def window(rows: Sequence[Row], chosen: int, most: int) -> Sequence[Row]:
    """As many rows as there is room for, the chosen one among them."""
    first = min(max(0, chosen - 1 - most // 2), max(0, len(rows) - most))
    return rows[first : first + most]


def bar(tally: Tally, width: int) -> Text:
    """A bar of *width* columns, in parts as long as there are images with so many copies."""
    text = Text(no_wrap=True)
    done = 0
    for count, (_, colour, block) in zip(tally.by_copies, _BY_COPIES, strict=True):
        before, done = done, done + count
        ends = [width * part // max(tally.images, 1) for part in (before, done)]
        text.append(block * (ends[1] - ends[0]), style=colour)
    return text


def _nodes(rows: Sequence[Row], chosen: int) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1), header_style="bold")
    for name in ("", "node", "zone"):
        table.add_column(name, no_wrap=True)
    # As wide as the longest, so that columns stay where they are.
    table.add_column("state", no_wrap=True, min_width=max(map(len, State)))
    for name in ("images", "given", "repaired"):
        table.add_column(name, no_wrap=True, justify="right", min_width=8)
    table.add_column("in a browser", no_wrap=True)
    for row in rows:
        numbers = ("-" if n is None else str(n) for n in (row.images, row.given, row.repaired))
        table.add_row(
            "▶" if row.number == chosen else " ",
            str(row.number),
            row.zone,
            Text(row.state, style=_COLOURS[row.state]),
            *numbers,
            row.url,
            style="reverse" if row.number == chosen else "",
        )
    return table


def _copies(tally: Tally, width: int) -> Panel:
    legend = Text(no_wrap=True, overflow="ellipsis")
    for count, (name, colour, block) in zip(tally.by_copies, _BY_COPIES, strict=True):
        legend.append(f"{block} ", style=colour)
        legend.append(f"{name}: {count}  ")
    style = "green" if tally.is_safe else "yellow"
    if tally.images and tally.lost:
        style = "red"
    return Panel(
        Group(bar(tally, width - _FRAME), legend),
        title=Text(tally.in_words(), style=f"bold {style}"),
        title_align="left",
        border_style=style,
    )


def _log(events: Sequence[Event], lines: int, gallery: Path) -> Panel:
    told = Text("\n", no_wrap=True, overflow="ellipsis").join(
        Text(f"{event.at_s:6.1f} s  {event.text}") for event in events
    )
    told.no_wrap, told.overflow = True, "ellipsis"
    return Panel(
        told,
        title="events",
        title_align="left",
        subtitle=Text(f"all pictures: file://{gallery}"),
        subtitle_align="left",
        height=lines + 2,
    )


def _keys() -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for key, what in _KEYS:
        text.append(f"{key}", style="bold")
        text.append(f" {what}  ")
    return text
