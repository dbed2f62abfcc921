"""A page with all the pictures of a demo, each from another live node."""

import html
from collections.abc import Sequence
from pathlib import Path

from reticulum.cli.demo.actor import Row, State

GALLERY_NAME = "pictures.html"
_REFRESH_S = 5
_HEAD = f"""\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="{_REFRESH_S}">
<title>A Reticulum grid</title>
<style>
body {{ font-family: sans-serif; margin: 2em; background: #222; color: #ddd; }}
figure {{ display: inline-block; margin: .5em; }}
a {{ color: #9cf; }}
</style>
<h1>A Reticulum grid</h1>
"""


def page(images: Sequence[str], rows: Sequence[Row]) -> str:
    """The page: nodes and pictures, in HTML."""
    nodes = "".join(
        f'<li><a href="{row.url}/">node {row.number}</a>, {html.escape(row.zone)}: {row.state}\n'
        for row in rows
    )
    live = [row for row in rows if row.state in {State.UP, State.HEALING}]
    pictures = "".join(
        _figure(image_id, live[place % len(live)]) for place, image_id in enumerate(images) if live
    )
    return f"{_HEAD}<ul>\n{nodes}</ul>\n{pictures}"


def write(folder: Path, images: Sequence[str], rows: Sequence[Row]) -> None:
    """Write it, at once as a whole: a browser may read it at any time."""
    draft = folder / f".{GALLERY_NAME}"
    draft.write_text(page(images, rows), encoding="utf-8")
    draft.replace(folder / GALLERY_NAME)


def _figure(image_id: str, row: Row) -> str:
    address = f"{row.url}/image/{html.escape(image_id)}"
    picture = f'<img src="{address}/240w/picture.jpg" width="240" height="180" alt="">'
    link = f'<a href="{address}/full/picture.jpg">{picture}</a>'
    return f"<figure>{link}<figcaption>from node {row.number}</figcaption></figure>\n"
