"""The production replication on the simulator: spreading, repair, balance, restarts."""

from pathlib import Path

import pytest
from keepers import (
    CENSUS_S,
    COPIES,
    GRACE_S,
    REPAIR_S,
    SETTINGS,
    SIX,
    Grow,
    check_whole,
    check_whole_within,
    given,
    upload_many,
)

from reticulum.model import Write
from reticulum.testing.simulator.keeping_grid import KeepingGrid


@pytest.mark.parametrize("write, least", [(Write.ONE, 1), (Write.QUORUM, 2), (Write.ALL, 3)])
def test_an_upload_is_answered_when_as_many_have_it_as_it_says(
    grow: Grow, write: Write, least: int
) -> None:
    grid = grow()
    for member in grid.members:
        receipt = grid.upload(member, write)
        assert least <= receipt.copies.stored <= len(grid.having(receipt.original.image_id))
        assert (receipt.copies.needed, receipt.copies.wanted) == (least, COPIES)


def test_copies_lie_in_distinct_zones_and_the_entry_lets_go_of_its_own(grow: Grow) -> None:
    grid = grow()
    check_whole(grid, upload_many(grid, 12))


def test_every_node_serves_every_image(grow: Grow) -> None:
    grid = grow()
    for image_id in upload_many(grid, 6):
        assert all(grid.read(member, image_id) for member in grid.members)


def test_a_lossy_network_delays_and_breaks_nothing(grow: Grow) -> None:
    grid = grow(loss=0.05, seed=2)
    ids = upload_many(grid, 12)
    grid.run(60)
    # Nobody may lack a copy; who has one too many, because a word was lost, lets go of it later.
    assert all(len(grid.having(image_id)) >= COPIES for image_id in ids)
    grid.run(2 * CENSUS_S)
    check_whole(grid, ids)


def test_a_write_with_too_few_nodes_gives_the_true_count(grow: Grow) -> None:
    grid = grow(("attic", "barn", "cellar"))
    for member in grid.members[1:]:
        member.kill()
    receipt = grid.upload(grid.members[0])
    assert (receipt.copies.stored, receipt.copies.needed) == (1, 2)
    assert not receipt.copies.is_enough


def test_a_node_that_has_never_met_another_is_a_grid_of_one(grow: Grow) -> None:
    grid = grow(("attic",))
    receipt = grid.upload(grid.members[0])
    assert (receipt.copies.stored, receipt.copies.needed) == (1, 1)


def test_copies_of_a_dead_node_are_made_anew_after_the_grace(grow: Grow) -> None:
    grid = grow()
    ids = upload_many(grid, 12)
    grid.members[4].kill()
    grid.run(GRACE_S / 2)
    assert any(len(grid.having(image_id)) < COPIES for image_id in ids)
    grid.run(GRACE_S / 2 + REPAIR_S)
    check_whole(grid, ids)


def test_surplus_is_trimmed_when_the_dead_come_back_and_never_below(grow: Grow) -> None:
    grid = grow()
    ids = upload_many(grid, 12)
    grid.members[4].kill()
    grid.run(GRACE_S + REPAIR_S)
    grid.start(grid.members[4])
    for _ in range(int((GRACE_S + REPAIR_S) / 5)):
        grid.run(5)
        assert all(len(grid.having(image_id)) >= COPIES for image_id in ids)
    check_whole(grid, ids)


def test_a_short_absence_moves_nothing(grow: Grow) -> None:
    grid = grow()
    upload_many(grid, 12)
    before = given(grid)
    grid.members[4].kill()
    grid.run(GRACE_S / 2)
    grid.start(grid.members[4])
    grid.run(GRACE_S + REPAIR_S)
    assert given(grid) <= before  # the counters of the one that was away began anew


def test_a_newcomer_gets_its_share(grow: Grow) -> None:
    grid = grow()
    ids = upload_many(grid, 30)
    (newcomer,) = grid.grow(["attic"])
    grid.run(GRACE_S + REPAIR_S)
    check_whole(grid, ids)
    assert len(newcomer.disk) > 0


def test_both_sides_of_a_partition_keep_their_images_and_agree_again(grow: Grow) -> None:
    grid = grow()
    ids = upload_many(grid, 12)
    left, right = grid.members[:3], grid.members[3:]
    grid.split(left, right)
    grid.run(GRACE_S + REPAIR_S)
    ids += [grid.upload(side[0]).original.image_id for side in (left, right)]
    grid.run(10)
    check_whole_within(grid, ids, left)
    check_whole_within(grid, ids, right)
    grid.heal()
    grid.run(GRACE_S + 2 * REPAIR_S)
    check_whole(grid, ids)


def test_debts_are_paid_when_the_creditor_is_back_in_time(grow: Grow) -> None:
    grid = grow()
    away = grid.members[5]
    away.kill()
    ids = [grid.upload(grid.members[number % 5]).original.image_id for number in range(12)]
    grid.run(15)
    assert sum(len(member.disk.hints) for member in grid.alive()) > 0
    grid.start(away)
    grid.run(60)
    assert sum(len(member.disk.hints) for member in grid.alive()) == 0
    grid.run(CENSUS_S)
    check_whole(grid, ids)


@pytest.mark.parametrize("what", ["full", "read-only"])
def test_a_node_that_takes_no_copies_gets_none(grow: Grow, what: str) -> None:
    grid = grow(("attic", "barn", "cellar", "dairy"))
    odd = grid.add("cellar", store=what != "read-only")
    odd.disk.room.is_full = what == "full"
    grid.start(odd)
    grid.run(GRACE_S + 30)
    ids = upload_many(grid, 15)
    grid.run(GRACE_S + REPAIR_S)
    check_whole(grid, ids)
    assert len(odd.disk) == 0
    assert all(grid.read(odd, image_id) for image_id in ids)


def test_a_drained_node_can_be_switched_off(grow: Grow) -> None:
    grid = grow()
    ids = upload_many(grid, 12)
    leaving = grid.members[2]
    leaving.life.replication.keeper.drain.begin()
    grid.run(GRACE_S + REPAIR_S)
    assert leaving.life.replication.keeper.drain.report.is_safe
    leaving.kill()
    check_whole(grid, ids)


def test_a_rolling_restart_moves_nothing(grow: Grow) -> None:
    grid = grow()
    ids = upload_many(grid, 18)
    before = grid.exchange.moved_bytes
    for member in grid.members:
        grid.grid.wait(member.stop())
        grid.run(20)
        grid.start(member)
        grid.run(20)
    grid.run(GRACE_S + REPAIR_S)
    check_whole(grid, ids)
    assert grid.exchange.moved_bytes == before


def test_everybody_killed_at_once_comes_back_with_everything(grow: Grow) -> None:
    grid = grow()
    ids = upload_many(grid, 12)
    before = grid.exchange.moved_bytes
    for member in grid.members:
        member.kill()
    for member in grid.members:
        grid.begin(member)
        grid.run(3)
    grid.run(GRACE_S + REPAIR_S)
    check_whole(grid, ids)
    assert grid.exchange.moved_bytes == before


def test_a_lost_disk_is_filled_again(grow: Grow) -> None:
    grid = grow()
    ids = upload_many(grid, 18)
    victim = grid.members[1]
    victim.kill()
    victim.wipe()
    grid.start(victim)
    grid.run(CENSUS_S * 1.3)
    check_whole(grid, ids)


def test_one_seed_gives_one_run(tmp_path: Path) -> None:
    traces = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        grid = KeepingGrid(tmp_path / name, 7, SETTINGS)
        grid.grow(SIX)
        grid.run(30)
        upload_many(grid, 3)
        grid.members[3].kill()
        grid.run(GRACE_S)
        traces.append(grid.grid.network.trace.hexdigest())
    assert traces[0] == traces[1]
