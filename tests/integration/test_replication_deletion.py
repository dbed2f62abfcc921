"""The production replication on the simulator: deletions, doubt, rotten bytes."""

import pytest
from keepers import (
    CENSUS_S,
    COPIES,
    GRACE_S,
    MONTH_S,
    REPAIR_S,
    Grow,
    check_whole,
    holder_of,
    outsider_of,
    upload_many,
)

from reticulum.errors import UnknownImage
from reticulum.model import Holding, Write
from reticulum.replication.attending import EVERY_S
from reticulum.replication.burial import SKEW_S
from reticulum.testing.simulator.keeping_grid import PNG


def test_a_deletion_reaches_everybody(grow: Grow) -> None:
    grid = grow()
    (image_id,) = upload_many(grid, 1)
    grid.delete(outsider_of(grid, image_id), image_id)
    assert not grid.having(image_id)
    grid.run(10)
    for member in grid.members:
        assert grid.read(member, image_id) is None
        assert member.life.here.is_deleted(image_id)
    with pytest.raises(UnknownImage):
        grid.delete(grid.members[0], image_id)


def test_who_was_away_at_the_deletion_brings_nothing_back(grow: Grow) -> None:
    grid = grow()
    (image_id,) = upload_many(grid, 1)
    away = holder_of(grid, image_id)
    away.kill()
    grid.delete(next(iter(grid.alive())), image_id)
    grid.run(60)
    assert away.disk.has(image_id)
    grid.start(away)
    assert not away.disk.has(image_id)
    for member in grid.members:
        assert grid.read(member, image_id) is None


def test_a_deletion_reaches_those_who_were_cut_off_for_long(grow: Grow) -> None:
    grid = grow()
    (image_id,) = upload_many(grid, 1)
    having = list(grid.having(image_id))
    others = [member for member in grid.members if member not in having]
    grid.split(having, others)
    grid.delete(others[0], image_id)
    # Longer than anybody asks back for in the ordinary course of things.
    grid.run(EVERY_S + SKEW_S + 300)
    assert len(grid.having(image_id)) == COPIES
    grid.heal()
    grid.run(GRACE_S + REPAIR_S + EVERY_S)
    assert not grid.having(image_id)
    assert not any(grid.read(member, image_id) for member in grid.members)


def test_who_is_killed_while_it_deletes_finishes_that_later(grow: Grow) -> None:
    grid = grow()
    (image_id,) = upload_many(grid, 1)
    holder = holder_of(grid, image_id)
    holder.life.run(holder.life.delete(image_id)).addErrback(lambda _failure: None)
    for _ in range(100):
        if holder.life.here.is_deleted(image_id):
            break
        grid.run(0.001)
    holder.kill()
    assert holder.disk.lies(image_id)
    grid.start(holder)
    assert grid.read(holder, image_id) is None
    grid.run(CENSUS_S * 1.3)
    assert not holder.disk.lies(image_id)


def test_a_deleted_image_can_be_uploaded_again(grow: Grow) -> None:
    grid = grow()
    content = PNG + b"again"
    image_id = grid.upload_again(grid.members[0], content).original.image_id
    away = next(one for one in grid.having(image_id) if one is not grid.members[0])
    away.kill()
    grid.delete(grid.members[0], image_id)
    receipt = grid.upload_again(grid.members[0], content)
    assert receipt.copies.stored >= 2
    grid.start(away)
    grid.run(CENSUS_S * 1.3)
    check_whole(grid, [image_id])
    assert all(grid.read(member, image_id) for member in grid.members)


def test_a_node_that_was_away_for_a_month_doubts_what_it_holds(grow: Grow) -> None:
    grid = grow()
    ids = upload_many(grid, 12)
    away = grid.members[3]
    forgotten = next(image_id for image_id in ids if away.disk.has(image_id))
    away.kill()
    grid.delete(grid.members[0], forgotten)
    grid.run(30)
    for member in grid.alive():
        # As a month does, without the time it takes to simulate.
        member.disk.graveyard.forget_all()
    away.disk.attendance.age(MONTH_S)
    grid.start(away)
    assert away.life.replication.status()["doubt"]["active"]
    assert all(away.disk.originals.known(image_id) is None for image_id in ids)
    grid.run(GRACE_S + REPAIR_S)
    assert not away.life.replication.status()["doubt"]["active"]
    assert not away.disk.lies(forgotten)
    assert grid.read(grid.members[0], forgotten) is None
    check_whole(grid, [image_id for image_id in ids if image_id != forgotten])


def test_a_grid_that_was_switched_off_for_a_month_believes_itself(grow: Grow) -> None:
    grid = grow()
    ids = upload_many(grid, 12)
    for member in grid.members:
        member.kill()
        member.disk.attendance.age(MONTH_S)
    for member in grid.members:
        grid.begin(member)
    grid.run(GRACE_S + REPAIR_S)
    check_whole(grid, ids)
    assert all(member.life.replication.keeper.doubting.set_aside == 0 for member in grid.members)


def test_a_node_that_has_never_met_another_doubts_nothing(grow: Grow) -> None:
    grid = grow(("attic",))
    image_id = grid.upload(grid.members[0]).original.image_id
    grid.members[0].kill()
    grid.members[0].disk.attendance.age(MONTH_S)
    grid.start(grid.members[0])
    assert grid.read(grid.members[0], image_id)


def test_an_image_in_doubt_that_is_uploaded_again_is_no_longer_in_doubt(grow: Grow) -> None:
    grid = grow()
    content = PNG + b"doubted"
    member = grid.members[3]
    image_id = grid.upload_again(member, content, Write.ALL).original.image_id
    for one in grid.members:
        one.kill()
        one.disk.attendance.age(MONTH_S)
    entry = next(one for one in grid.members if one.disk.has(image_id))
    for one in grid.members:
        grid.begin(one)
    grid.run(5)
    grid.upload_again(entry, content)
    grid.run(2 * GRACE_S + REPAIR_S)
    check_whole(grid, [image_id])


def test_rotten_bytes_are_found_by_the_scrub_and_restored(grow: Grow) -> None:
    grid = grow()
    (image_id,) = upload_many(grid, 1)
    holder = holder_of(grid, image_id)
    assert holder.disk.rot(image_id)
    grid.grid.wait(holder.life.replication.keeper.scrub.check(image_id))
    check_whole(grid, [image_id])


def test_rotten_bytes_are_found_by_whoever_has_them_verified(grow: Grow) -> None:
    grid = grow()
    (image_id,) = upload_many(grid, 1)
    holder, asker = holder_of(grid, image_id), outsider_of(grid, image_id)
    assert holder.disk.rot(image_id)
    held = grid.grid.wait(
        asker.life.replication.peers.have(holder.node.contact, [image_id], verify=True)
    )
    assert held == [Holding.ABSENT]
    grid.run(10)
    check_whole(grid, [image_id])


def test_rotten_bytes_are_served_to_nobody(grow: Grow) -> None:
    grid = grow()
    (image_id,) = upload_many(grid, 1)
    for member in grid.having(image_id)[:-1]:
        member.disk.rot(image_id)
    assert all(grid.read(member, image_id) for member in grid.members)
