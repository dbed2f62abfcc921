"""The screen of a demo, the page with its pictures, and what its keys do."""

from pathlib import Path

import pytest
from rich.console import Console

from reticulum.cli.demo.actor import Row, State
from reticulum.cli.demo.counting import Tally
from reticulum.cli.demo.events import Event
from reticulum.cli.demo.gallery import page
from reticulum.cli.demo.view import Shown, bar, screen, window

WIDTH, HEIGHT = 80, 24


def row(number: int, state: State = State.UP) -> Row:
    return Row(
        number=number,
        zone="north",
        state=state,
        images=1000,
        given=12_345,
        repaired=None,
        url=f"http://127.0.0.1:{20_000 + number}",
    )


def lines(nodes: int, chosen: int = 0, *, width: int = WIDTH, height: int = HEIGHT) -> list[str]:
    """The screen as plain text."""
    events = [Event(kind="x", text=f"event {n} " + "so it goes " * 9, at_s=n) for n in range(20)]
    shown = Shown(
        rows=[row(n, State.KILLED if n == 2 else State.UP) for n in range(1, nodes + 1)],
        tally=Tally(wanted=3, by_copies=(1, 2, 4, 15, 2)),
        events=events,
        chosen=chosen,
        gallery=Path("/demo/pictures.html"),
    )
    console = Console(width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(screen(shown, width, height))
    return capture.get().splitlines()


@pytest.mark.parametrize("nodes", [1, 5, 9, 30])
def test_it_fits_a_small_terminal(nodes: int) -> None:
    """80 columns and 24 lines are enough for any number of nodes, and nothing wraps."""
    drawn = lines(nodes)

    assert len(drawn) <= HEIGHT
    assert max(map(len, drawn)) <= WIDTH


def test_it_shows_what_there_is() -> None:
    """Nodes with state and address, copies in words and numbers, the last events, the keys."""
    text = "\n".join(lines(5))

    assert 5 == text.count("http://127.0.0.1:2000")
    assert 1 == text.count("killed")
    assert "7 of 24 images short, 1 on no live node, healing…" in text
    assert all(part in text for part in ("0: 1", "1: 2", "2: 4", "3: 15", "4+: 2"))
    assert "event 19" in text
    assert "event 14" in text
    assert "event 13" not in text
    assert "file:///demo/pictures.html" in text
    assert "q quit" in text


@pytest.mark.parametrize("chosen", [1, 10, 17, 30])
def test_the_chosen_node_is_on_the_screen(chosen: int) -> None:
    """With more nodes than lines, the part with the chosen one is shown, and it is marked."""
    marked = [line for line in lines(30, chosen) if line.lstrip().startswith("▶")]

    assert [f"http://127.0.0.1:{20_000 + chosen}"] == [line.split()[-1] for line in marked]


def test_window_is_full() -> None:
    """No line is wasted at either end."""
    rows = [row(number) for number in range(1, 31)]

    for chosen in range(31):
        shown = [each.number for each in window(rows, chosen, 7)]
        assert 7 == len(shown)
        assert chosen == 0 or chosen in shown


def test_bar_is_as_long_as_asked() -> None:
    """However the parts are rounded, they fill the line; with no image, it is empty."""
    for width in (1, 10, 76):
        assert width == len(bar(Tally(wanted=3, by_copies=(1, 1, 1, 1, 3)), width))
    assert 0 == len(bar(Tally(wanted=3, by_copies=(0, 0, 0, 0, 0)), 76))


def test_gallery_takes_pictures_from_live_nodes() -> None:
    """Every picture is on the page, and none comes from a killed node."""
    rows = [row(1), row(2, State.KILLED), row(3)]
    text = page(["sha256-aa", "sha256-bb", "sha256-cc"], rows)

    assert 3 == text.count("<img")
    assert "http://127.0.0.1:20002/image" not in text
    assert "http://127.0.0.1:20001/image/sha256-aa/240w/picture.jpg" in text
    assert "http://127.0.0.1:20003/image/sha256-bb/240w/picture.jpg" in text


def test_gallery_without_live_nodes() -> None:
    """With all nodes killed there are no pictures, and no error."""
    assert "<img" not in page(["sha256-aa"], [row(1, State.KILLED)])
