"""
Replication against a model: whatever people and misfortune do, what was promised holds.

A run is a sequence of uploads, deletions, kills, lost disks, rotten bytes, partitions, wrong
clocks and newcomers. `quiet` ends all trouble, lets the grid repair itself, and compares.
"""

import tempfile
from enum import Enum
from pathlib import Path
from typing import Any

import attrs
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from reticulum.errors import ReticulumError
from reticulum.model import ImageId, Write
from reticulum.replication.attending import EVERY_S
from reticulum.settings.sections import ReplicationSettings
from reticulum.testing.simulator.keeper_member import KeeperMember
from reticulum.testing.simulator.keeping_grid import PNG, KeepingGrid

COPIES, QUORUM = 3, 2
GRACE_S, CENSUS_S = 240.0, 300.0
QUIET_S = GRACE_S + 1.3 * CENSUS_S + EVERY_S
ZONES = ("attic", "barn", "cellar")
MOST_NODES = 7
MOST_TIMERS_EACH = 400
NUMBERS = st.integers(0, 23)
SKEWS_S = st.integers(-25, 25)


class Fate(Enum):
    """
    What the model knows of an image.

    `KEPT`: as many confirmed it as survive one loss. `FRAGILE`: fewer did. `DELETED`: a deletion
    was answered. `OPEN`: the promise says nothing, as after two contradictory wishes at a time.
    """

    KEPT = "kept"
    FRAGILE = "fragile"
    DELETED = "deleted"
    OPEN = "open"


@attrs.define
class Image:
    """An image in the model."""

    content: bytes
    image_id: ImageId
    fate: Fate
    is_fresh: bool = True
    """Whether something was said about it since the grid was quiet."""


class Replication(RuleBasedStateMachine):
    """Nodes, images, and what goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.images: list[Image] = []
        self.is_split = False
        self.losses_left = QUORUM - 1

    @initialize(seed=st.integers(0, 7))
    def begin(self, seed: int) -> None:
        replication = ReplicationSettings(
            copies=COPIES, grace_s=GRACE_S, census_s=CENSUS_S, scrub_s=CENSUS_S
        )
        self.grid = KeepingGrid(Path(self.folder.name), seed, replication)
        self.grid.grow(ZONES * 2)
        self.grid.run(GRACE_S + 10)

    def teardown(self) -> None:
        try:
            self.quiet()
        finally:
            self.grid.close()
            self.folder.cleanup()

    def serving(self, number: int) -> KeeperMember:
        serving = [member for member in self.grid.members if member.serving]
        return serving[number % len(serving)]

    def image(self, number: int) -> Image:
        return self.images[number % len(self.images)]

    def any_serves(self) -> bool:
        return any(member.serving for member in self.grid.members)

    @precondition(any_serves)
    @rule(node=NUMBERS, write=st.sampled_from(list(Write)))
    def upload(self, node: int, write: Write) -> None:
        content = PNG + b"%d" % len(self.images)
        receipt = self.grid.upload_again(self.serving(node), content, write)
        having = len([m for m in self.grid.members if m.disk.has(receipt.original.image_id)])
        assert receipt.copies.stored <= having
        fate = Fate.KEPT if receipt.copies.stored >= QUORUM else Fate.FRAGILE
        self.images.append(Image(content, receipt.original.image_id, fate))

    @precondition(lambda self: self.images and self.any_serves())
    @rule(node=NUMBERS, which=NUMBERS)
    def upload_again(self, node: int, which: int) -> None:
        image, entry = self.image(which), self.serving(node)
        was = image.fate
        knew = entry.life.here.is_deleted(image.image_id)
        receipt = self.grid.upload_again(entry, image.content)
        image.fate = Fate.KEPT if receipt.copies.stored >= QUORUM else Fate.FRAGILE
        if was is Fate.OPEN or (was is Fate.DELETED and not knew):
            # Another part of the grid may not have told yet that it is deleted.
            image.fate = Fate.OPEN
        elif was is Fate.KEPT:
            image.fate = was
        image.is_fresh = True

    @precondition(any_serves)
    @rule(node=NUMBERS, after_ms=st.integers(0, 400))
    def upload_and_kill(self, node: int, after_ms: int) -> None:
        entry = self.serving(node)
        content = PNG + b"%d" % len(self.images)
        receipts: list[Any] = []
        entry.life.run(entry.life.upload(content, Write.QUORUM)).addCallbacks(
            receipts.append, lambda _failure: None
        )
        self.grid.run(after_ms / 1000)
        entry.kill()
        if receipts and receipts[0].copies.stored >= QUORUM:
            self.images.append(Image(content, receipts[0].original.image_id, Fate.KEPT))

    @precondition(lambda self: self.images and self.any_serves())
    @rule(node=NUMBERS, which=NUMBERS)
    def delete(self, node: int, which: int) -> None:
        image, entry = self.image(which), self.serving(node)
        has_history = any(member.disk.graveyard.get(image.image_id) for member in self.grid.members)
        try:
            self.grid.delete(entry, image.image_id)
        except ReticulumError:
            return
        assert self.grid.read(entry, image.image_id) is None
        # Deleted, and uploaded again, in two parts that could not speak: either may win.
        image.fate = Fate.OPEN if has_history else Fate.DELETED
        image.is_fresh = True

    @precondition(lambda self: self.images and self.any_serves())
    @rule(node=NUMBERS, which=NUMBERS)
    def read(self, node: int, which: int) -> None:
        image, reader = self.image(which), self.serving(node)
        served = self.grid.read(reader, image.image_id)
        assert served is None or not reader.life.here.is_deleted(image.image_id)
        reader.life.replication.custody.nudged(image.image_id)

    @rule(which=NUMBERS)
    def kill(self, which: int) -> None:
        self.grid.members[which % len(self.grid.members)].kill()

    @rule(which=NUMBERS)
    def revive(self, which: int) -> None:
        dead = [member for member in self.grid.members if not member.running]
        if dead:
            self.grid.begin(dead[which % len(dead)])
            self.grid.run(3)

    @precondition(lambda self: self.losses_left > 0)
    @rule(which=NUMBERS)
    def lose_disk(self, which: int) -> None:
        member = self.grid.members[which % len(self.grid.members)]
        member.kill()
        member.wipe()
        self._lost()
        self.grid.begin(member)
        self.grid.run(3)

    @precondition(lambda self: self.losses_left > 0 and self.images)
    @rule(node=NUMBERS, which=NUMBERS)
    def rot(self, node: int, which: int) -> None:
        image = self.image(which)
        having = [member for member in self.grid.members if member.disk.has(image.image_id)]
        if having:
            having[node % len(having)].disk.rot(image.image_id)
            self._lost()

    @rule(cut=st.integers(1, 5))
    def split(self, cut: int) -> None:
        self.grid.split(self.grid.members[:cut], self.grid.members[cut:])
        self.is_split = True

    @rule()
    def heal(self) -> None:
        self.grid.heal()
        self.is_split = False

    @precondition(lambda self: len(self.grid.members) < MOST_NODES)
    @rule(zone=st.sampled_from(ZONES))
    def join(self, zone: str) -> None:
        self.grid.begin(self.grid.add(zone))
        self.grid.run(3)

    @rule(which=NUMBERS, seconds=SKEWS_S)
    def skew(self, which: int, seconds: int) -> None:
        self.grid.members[which % len(self.grid.members)].skew(seconds)

    @rule(seconds=st.sampled_from([1, 10, int(GRACE_S / 2), int(2 * GRACE_S)]))
    def wait(self, seconds: int) -> None:
        self.grid.run(seconds)

    @rule()
    def quiet(self) -> None:
        """End all trouble, let the grid repair itself, and compare it with the model."""
        self.grid.heal()
        self.is_split = False
        for member in self.grid.members:
            if not member.running:
                self.grid.begin(member)
        self.grid.run(QUIET_S)
        assert all(member.serving for member in self.grid.members)
        for image in self.images:
            if image.fate is Fate.KEPT or (image.fate is Fate.FRAGILE):
                self._check_kept(image)
            elif image.fate is Fate.DELETED:
                self._check_deleted(image)
        for member in self.grid.members:
            _check_bounds(member)
        assert len(self.grid.grid.clock.getDelayedCalls()) < MOST_TIMERS_EACH * MOST_NODES
        for image in self.images:
            image.is_fresh = False
            if image.fate is Fate.FRAGILE:
                image.fate = Fate.KEPT
        self.losses_left = QUORUM - 1

    def _lost(self) -> None:
        """A copy is lost for ever; what was promised before it bears one such loss."""
        self.losses_left -= 1
        for image in self.images:
            is_lone_word = image.fate is Fate.DELETED and image.is_fresh
            if image.fate is Fate.FRAGILE or is_lone_word:
                image.fate = Fate.OPEN

    def _check_kept(self, image: Image) -> None:
        having = self.grid.having(image.image_id)
        zones = {member.zone for member in having}
        assert (len(having), len(zones)) == (COPIES, COPIES), (image, having)
        for member in self.grid.members:
            assert self.grid.read(member, image.image_id), (image, member.address)

    def _check_deleted(self, image: Image) -> None:
        assert not [m for m in self.grid.members if m.disk.lies(image.image_id)], image
        for member in self.grid.members:
            assert self.grid.read(member, image.image_id) is None, (image, member.address)


def _check_bounds(member: KeeperMember) -> None:
    status = member.life.replication.status()
    assert status["hints"]["owed"] == 0, status
    assert status["scrub"]["lost"] == 0, status
    assert status["members"] <= MOST_NODES, status
    assert not member.life.tasks._running


def test_whatever_happens_what_was_promised_holds() -> None:
    run_state_machine_as_test(
        Replication,
        settings=settings(
            max_examples=MAX_EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


MAX_EXAMPLES, STEPS = 20, 20
