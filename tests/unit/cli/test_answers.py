"""`info`, `rm`, `status` and the words they use."""

import io

import pytest
from fake_node import FakeNode, Written

from reticulum.cli.in_order import InOrder
from reticulum.cli.info import show_facts
from reticulum.cli.node import Refused
from reticulum.cli.output import Output, bytes_in_words, seconds_in_words
from reticulum.cli.rm import delete_images
from reticulum.cli.status import show_status
from reticulum.model import ImageId

NOWHERE = ImageId.parse("0" * 64)


async def test_info_tells_all_it_can() -> None:
    """An unknown image is told on standard error and does not stop the others."""
    node, written = FakeNode(), Written()
    image_id = node.keep(b"image")

    assert 1 == await show_facts(node, [NOWHERE, image_id], written.output)
    assert f"id      {image_id}" == written.lines[0]
    assert "bytes   5 (5 B)" in written.lines
    assert [f"reticulum: {NOWHERE}: no such image is here"] == written.complaints


async def test_info_json_has_a_line_for_each_image() -> None:
    """A known image has the node's answer, an unknown one the error."""
    node, written = FakeNode(), Written(as_json=True)
    image_id = node.keep(b"image")

    assert 1 == await show_facts(node, [image_id, NOWHERE], written.output)
    assert [
        await node.facts(image_id),
        {"id": str(NOWHERE), "error": "no such image is here"},
    ] == written.records


@pytest.mark.parametrize("as_json", [False, True])
async def test_rm_prints_what_is_gone(as_json: bool) -> None:
    """Each deleted id is printed; one that is not there fails and does not stop the others."""
    node, written = FakeNode(), Written(as_json=as_json)
    image_id = node.keep(b"image")

    assert 1 == await delete_images(node, [NOWHERE, image_id], written.output)
    assert {} == node.kept
    if as_json:
        assert [
            {"id": str(NOWHERE), "error": "no such image is here"},
            {"id": str(image_id), "deleted": True},
        ] == written.records
    else:
        assert [str(image_id)] == written.lines


async def test_rm_ends_with_a_refused_key() -> None:
    """The second image is not even asked for."""

    class Strict(FakeNode):
        async def delete(self, image_id: ImageId) -> None:
            self.events.append(("delete", str(image_id)))
            raise Refused("not accepted here", 403)

    node = Strict()

    assert 1 == await delete_images(node, [NOWHERE, NOWHERE], Written().output)
    assert [("delete", str(NOWHERE))] == node.events


async def test_status_speaks_in_units() -> None:
    """Bytes and seconds are shown as people read them; JSON has them as they are."""
    written, machine = Written(), Written(as_json=True)

    assert 0 == await show_status(FakeNode(), written.output)
    assert 0 == await show_status(FakeNode(), machine.output)
    assert [
        "node   id         ab",
        "       uptime     3 min 20 s",
        "cache  max bytes  5.0 GB",
    ] == written.lines
    assert [await FakeNode().status()] == machine.records


def test_no_text_reaches_the_terminal_raw() -> None:
    """Escape sequences and bytes that are no text, in a file's name or a server's answer."""
    written = Written()

    written.output.complain("a\x1b[31m\nb\udcff")

    assert "reticulum: a�[31m�b�\n" == written.err.getvalue()


@pytest.mark.parametrize(
    "count, words",
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB")],
)
def test_bytes_in_words(count: int, words: str) -> None:
    """Never four digits before the point."""
    assert words == bytes_in_words(count)


@pytest.mark.parametrize(
    "seconds, words",
    [(0.9, "0 s"), (60, "1 min 0 s"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")],
)
def test_seconds_in_words(seconds: float, words: str) -> None:
    """The two largest units."""
    assert words == seconds_in_words(seconds)


def test_in_order_holds_back_and_flushes() -> None:
    """Results come in order; at the end what is held comes too, over the gaps."""
    told: list[str] = []
    results: InOrder[str] = InOrder(told.append)

    results.add(1, "b")
    assert [] == told
    results.add(0, "a")
    results.add(3, "d")
    assert ["a", "b"] == told
    results.flush()
    assert ["a", "b", "d"] == told


def test_json_is_all_there_is_on_standard_output() -> None:
    """A machine that asked for JSON gets no line that is not."""
    output = Output(io.StringIO(), io.StringIO(), as_json=True)
    output.line("for people")
    output.show("for people")

    assert "" == output.out.getvalue()  # type: ignore[attr-defined]
