"""Reading in a whole grid: one render for all, and nobody waits for one slow node."""

from pathlib import Path

import pytest
from reading_grid import CONTENT, IMAGE, Grid, ending, rendition_of

from reticulum.errors import BeyondLimits, UnknownImage
from reticulum.imaging.spec import parse

EXPECTED = CONTENT + b"100w"


@pytest.mark.parametrize("size", [1, 3, 5])
async def test_one_render_for_a_hundred_requests(tmp_path: Path, size: int) -> None:
    """Equal requests at all nodes at once are one render in the whole grid, and no look-up."""
    with ending(await Grid(tmp_path, size).start()) as grid:
        nodes = list(grid.nodes.values())
        contents = grid.run(*(grid.reading(nodes[number % size]) for number in range(100)))
        assert {EXPECTED} == set(contents)
        assert 1 == grid.renders == grid.order[0].painter.made
        assert 0 == grid.lookups
        # One question of each holder to the one whose turn it is, one of each of the others.
        assert len(grid.calls) == size - 1


async def test_second_questions_are_no_second_renders(tmp_path: Path) -> None:
    """A holder that is asked because the first is slow asks the one whose turn it is, too."""
    with ending(await Grid(tmp_path, 5, saved=2.0).start()) as grid:
        contents = grid.run(*(grid.reading(node) for node in grid.nodes.values()))
        assert {EXPECTED} == set(contents)
        assert 1 == grid.renders
        assert 4 < len(grid.calls) <= 6


async def test_one_render_for_requests_one_after_the_other(tmp_path: Path) -> None:
    """Whoever has read it keeps it: later requests at the same nodes ask nobody."""
    with ending(await Grid(tmp_path, 5).start()) as grid:
        for node in [*reversed(grid.order), *grid.order]:
            assert EXPECTED == grid.read(node)
        assert 1 == grid.renders
        assert 4 <= len(grid.calls) <= 5


async def test_holder_whose_turn_it_is_asks_nobody(tmp_path: Path) -> None:
    """A lone node, or the one that makes renditions, makes them at once."""
    with ending(await Grid(tmp_path, 3).start()) as grid:
        assert EXPECTED == grid.read(grid.order[0])
        assert [] == grid.calls
        assert [IMAGE] == grid.order[0].seen


async def test_one_more_hop_and_never_further(tmp_path: Path) -> None:
    """What a holder asks on for others is to be answered there."""
    with ending(await Grid(tmp_path, 5).start()) as grid:
        second, reader = grid.order[1], grid.order[4]
        reader.pictures._fetch._holders.has(IMAGE, second.member.contact)
        assert EXPECTED == grid.read(reader)
        first = grid.order[0].node_id
        assert [(second.node_id, "rendition", False), (first, "rendition", True)] == grid.calls
        assert 1 == grid.renders
        assert EXPECTED == grid.read(second)
        assert 2 == len(grid.calls)


async def test_dead_node_whose_turn_it_is(tmp_path: Path) -> None:
    """If it fails, a holder makes the rendition itself, without waiting."""
    with ending(await Grid(tmp_path, 3).start()) as grid:
        grid.order[0].state = "dead"
        started = grid.clock.seconds()
        assert EXPECTED == grid.read(grid.order[1])
        assert grid.clock.seconds() - started < 0.4
        assert 1 == grid.order[1].painter.made


async def test_mute_node_whose_turn_it_is(tmp_path: Path) -> None:
    """If it says nothing, a holder makes it after 2 s; the next one it makes at once."""
    with ending(await Grid(tmp_path, 3).start()) as grid:
        grid.order[0].state = "mute"
        started = grid.clock.seconds()
        assert EXPECTED == grid.read(grid.order[1])
        assert grid.clock.seconds() - started < 2.5
        started = grid.clock.seconds()
        grid.read(grid.order[1], "50w")
        assert grid.clock.seconds() - started < 0.4


async def test_mute_holder(tmp_path: Path) -> None:
    """If the first holder says nothing, the next is asked after 1 s; later on, it is asked last."""
    with ending(await Grid(tmp_path, 5).start()) as grid:
        reader = grid.order[4]
        asked_first = (await reader.pictures._fetch._holders.holders(IMAGE))[0]
        grid.nodes[asked_first.node_id].state = "mute"
        started = grid.clock.seconds()
        assert EXPECTED == grid.read(reader)
        assert grid.clock.seconds() - started < 3.5
        started = grid.clock.seconds()
        grid.read(reader, "50w")
        assert grid.clock.seconds() - started < 0.5


async def test_image_that_is_too_much(tmp_path: Path) -> None:
    """What the one whose turn it is can't make, a holder tries itself before it says so."""
    with ending(await Grid(tmp_path, 3).start()) as grid:
        grid.order[0].painter.error = BeyondLimits("too large")
        assert EXPECTED == grid.read(grid.order[1])
        grid.order[2].painter.error = BeyondLimits("too large")
        with pytest.raises(BeyondLimits):
            grid.read(grid.order[2])


async def test_missing_image(tmp_path: Path) -> None:
    """Everybody who should hold it is asked once, one look-up is made, and that is remembered."""
    with ending(await Grid(tmp_path, 5).start(holders=0)) as grid:
        for _ in range(10):
            with pytest.raises(UnknownImage):
                grid.read(grid.order[4])
        assert 3 == len(grid.calls)
        assert 1 == grid.lookups


async def test_found_where_it_does_not_belong(tmp_path: Path) -> None:
    """An image that is held elsewhere is looked up once, then known, and its keepers are told."""
    with ending(await Grid(tmp_path, 5).start(holders=0)) as grid:
        odd, reader = grid.order[3], grid.order[4]
        await grid.give(odd)
        assert EXPECTED == grid.read(reader)
        assert EXPECTED.replace(b"100w", b"50w") == grid.read(reader, "50w")
        assert 1 == grid.lookups
        assert [odd.node_id] == grid.nudged


async def test_gap_is_told(tmp_path: Path) -> None:
    """A read that meets a keeper without the image tells the first one that has it, once."""
    with ending(await Grid(tmp_path, 5).start()) as grid:
        reader = grid.order[4]
        await grid.order[0].originals.remove(IMAGE)
        assert EXPECTED == grid.read(reader)
        grid.read(reader, "50w")
        assert [grid.order[1].node_id] == grid.nudged


async def test_whole_image_is_nobodys_worry(tmp_path: Path) -> None:
    """Reads of an image that is whole nudge nobody; those who hold it look after it."""
    with ending(await Grid(tmp_path, 5).start()) as grid:
        grid.read(grid.order[4])
        assert [] == grid.nudged
        assert [IMAGE] == [one for node in grid.order for one in node.seen]


async def test_original_in_its_own_format(tmp_path: Path) -> None:
    """The bytes come as they were uploaded, and nothing is made."""
    with ending(await Grid(tmp_path, 5).start()) as grid:
        assert CONTENT == grid.read(grid.order[4], "full")
        assert 0 == grid.renders


async def test_deleted(tmp_path: Path) -> None:
    """A deleted image is gone at once, from the cache too, and nobody is asked."""
    with ending(await Grid(tmp_path, 5).start()) as grid:
        reader, holder = grid.order[4], grid.order[0]
        for node in (reader, holder):
            assert EXPECTED == grid.read(node)
        calls = len(grid.calls)
        for node in (reader, holder):
            node.deleted.add(IMAGE)
            await node.originals.remove(IMAGE)
            await node.pictures.forget(IMAGE)
            with pytest.raises(UnknownImage):
                grid.read(node)
            with pytest.raises(UnknownImage):
                await node.pictures.facts(IMAGE)
            assert None is node.renditions.open(rendition_of())
        assert calls == len(grid.calls)


@pytest.mark.parametrize("who", [1, 4])
async def test_deleted_while_on_its_way(tmp_path: Path, who: int) -> None:
    """What arrives after the deletion does not stay in the cache."""
    with ending(await Grid(tmp_path, 5).start()) as grid:
        reader = grid.order[who]
        keep = reader.renditions.keep

        async def late(rendition: object, made: Path) -> None:
            reader.deleted.add(IMAGE)
            await keep(rendition, made)  # type: ignore[arg-type]

        reader.renditions.keep = late  # type: ignore[method-assign,assignment]
        grid.read(reader)
        assert None is reader.renditions.open(rendition_of())
        assert None is reader.pictures._known.get(IMAGE)


async def test_cached_picture_of_a_holder_is_at_hand(tmp_path: Path) -> None:
    """Once it has come from the one whose turn it was, a holder opens it without waiting."""
    with ending(await Grid(tmp_path, 3).start()) as grid:
        second = grid.order[1]
        grid.read(second)
        picture = second.pictures.at_hand(rendition_of(), parse("100w"))
        assert picture is not None
        picture.body.close()
        assert [(grid.order[0].node_id, "rendition", True)] == grid.calls


async def test_version_that_makes_other_bytes(tmp_path: Path) -> None:
    """While nodes are of two versions, each keeps what it makes itself, and asks once."""
    with ending(await Grid(tmp_path, 3).start()) as grid:
        first, second = grid.order[:2]
        first.retrieve._pipeline = "newer"
        assert EXPECTED == grid.read(second)
        assert EXPECTED == grid.read(second)
        assert (1, 1) == (first.painter.made, second.painter.made)
        assert 1 == len(grid.calls)


async def test_deleted_image_is_nothing_for_peers(tmp_path: Path) -> None:
    """From the moment a tombstone stands, other nodes get nothing, though the file is there yet."""
    with ending(await Grid(tmp_path, 3).start()) as grid:
        holder = grid.order[0]
        holder.deleted.add(IMAGE)
        with pytest.raises(UnknownImage):
            await holder.by_turn(rendition_of(), parse("100w"))
        assert 0 == grid.renders


async def test_forget(tmp_path: Path) -> None:
    """What is forgotten is asked for afresh: facts, who has it, and every rendition."""
    with ending(await Grid(tmp_path, 5).start()) as grid:
        reader = grid.order[4]
        grid.read(reader)
        assert 1 == len(grid.calls) - sum(only_here for _, _, only_here in grid.calls)
        (holder,) = [node_id for node_id, _, only_here in grid.calls if not only_here]
        holders = reader.pictures._fetch._holders
        holders.has(IMAGE, grid.order[3].member.contact)
        await reader.pictures.forget(IMAGE)
        assert None is reader.renditions.open(rendition_of())
        assert None is reader.pictures.at_hand(rendition_of(), parse("100w"))
        assert grid.order[3].member.contact not in await holders.holders(IMAGE)
        grid.read(reader)
        assert holder == grid.calls[-1][0]
