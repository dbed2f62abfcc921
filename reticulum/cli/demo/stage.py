"""The grid of a demo: what can be done to it, and how it does."""

import functools
import random
import time
from collections.abc import Sequence
from pathlib import Path

import attrs

from reticulum.cli.demo import asking
from reticulum.cli.demo.actor import Actor, Row
from reticulum.cli.demo.asking import NoAnswer
from reticulum.cli.demo.child import stop_all
from reticulum.cli.demo.counting import Facts, Tally
from reticulum.cli.demo.events import Reporter, counted
from reticulum.cli.demo.healing import Healing
from reticulum.cli.demo.jobs import Jobs
from reticulum.cli.demo.places import Place, knock_at_others
from reticulum.errors import ClientError

_POLL_S = 0.7
# Thirty nodes on two cores have other things to do than to answer.
_POLL_S_A_NODE = 0.1
_ATTEMPTS = 5


@attrs.define(kw_only=True)
class Stage:
    """
    The nodes, the images and what is under way; all of it in one thread but for `Jobs`.

    Args:
        places: Of the nodes.
        twistd: To start them with.
        reporter: Is told what happens.
        seed: Of the pictures.
        rng: For what is left to chance.
        images: Ids of all that was uploaded and not deleted, in that order.
        under_way: Uploads and deletions that are not over.
        refused: Uploads and deletions given up.
        losses: What was told of nodes that have ended by themselves.
    """

    _places: Sequence[Place]
    _twistd: Path
    _reporter: Reporter
    _seed: int = 1
    rng: random.Random = attrs.field(factory=random.SystemRandom)
    images: dict[str, None] = attrs.field(factory=dict, init=False)
    under_way: int = attrs.field(default=0, init=False)
    refused: int = attrs.field(default=0, init=False)
    losses: list[str] = attrs.field(factory=list, init=False)
    actors: list[Actor] = attrs.field(init=False)
    _drawn: int = attrs.field(default=0, init=False)
    _jobs: Jobs = attrs.field(factory=Jobs, init=False)
    healing: Healing = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.actors = [Actor(place) for place in self._places]
        self.healing = Healing(self._reporter)

    @property
    def alive(self) -> list[Actor]:
        """Nodes that run."""
        return [actor for actor in self.actors if actor.is_alive]

    @property
    def dead(self) -> list[Actor]:
        """Nodes that do not."""
        return [actor for actor in self.actors if not actor.is_alive]

    @property
    def is_up(self) -> bool:
        """Whether all nodes that run are ready, and see each other."""
        return all(actor.is_up for actor in self.alive)

    def tally(self) -> Tally:
        """How the images do."""
        held = (actor.facts.images if actor.facts else frozenset() for actor in self.alive)
        return Tally.of(self.images, held)

    def rows(self) -> list[Row]:
        """What to show of the nodes."""
        now, is_short = time.monotonic(), not self.tally().is_safe
        return [actor.row(now, is_short=is_short) for actor in self.actors]

    def start(self) -> None:
        """
        Start all nodes.

        Raises:
            ClientError: One can't be started.
        """
        for actor in self.actors:
            actor.start(self._twistd)
        self._reporter.tell("started", f"{counted(len(self.actors), 'node')} started")

    def tell_up(self) -> None:
        """Tell that all nodes are ready, and see each other."""
        self._reporter.tell("up", f"up, and in one grid: {counted(len(self.alive), 'node')}")

    def tick(self) -> None:
        """Take what nodes have said, ask them again when it is time, and see how images do."""
        self._jobs.collect()
        now = time.monotonic()
        for actor in self.alive:
            if (words := actor.has_ended()) is not None:
                self.losses.append(f"node {actor.number} has ended by itself: {words}")
                self._reporter.tell("ended", self.losses[-1], node=actor.number)
            elif not actor.is_asked and now - actor.asked_at >= self._pause_s():
                self._ask(actor, now)
        self.healing.look(self.tally(), now)

    def kill(self, actor: Actor) -> None:
        """SIGKILL a node."""
        actor.kill()
        tally = self.tally()
        self.healing.hurt()
        number, zone = actor.number, actor.place.zone
        text = f"node {number} killed; short of copies: {counted(tally.short, 'image')}"
        self._reporter.tell("killed", text, node=number, zone=zone, short=tally.short)

    def revive(self, actor: Actor, *, is_wiped: bool = False) -> None:
        """Start a killed node again; if *is_wiped*, with its key and nothing else."""
        if is_wiped:
            actor.wipe()
        knock_at_others(actor.place, self._places)
        actor.start(self._twistd)
        what = "with an empty disk" if is_wiped else "with its data"
        kind = "wiped" if is_wiped else "revived"
        self._reporter.tell(kind, f"node {actor.number} revived, {what}", node=actor.number)

    def upload(self, count: int) -> None:
        """Draw pictures and put them to the live nodes, one after the other."""
        for _ in range(count):
            number, self._drawn = self._drawn, self._drawn + 1
            self._upload(number, _ATTEMPTS)

    def delete(self, image_id: str) -> None:
        """Delete an image from the grid, at any live node."""
        actor = self._anyone()
        self.under_way += 1

        def deleted(_: None) -> None:
            self.under_way -= 1
            self.images.pop(image_id, None)
            self._reporter.tell("deleted", f"{short_id(image_id)} deleted", id=image_id)

        self._jobs.begin(
            functools.partial(asking.delete, actor.place, image_id), deleted, self._refuse
        )

    def intact(self) -> int:
        """How many images the live nodes give out, every byte as it was uploaded. Blocks."""
        alive = self.alive
        return sum(
            asking.is_intact(alive[place % len(alive)].place, image_id)
            for place, image_id in enumerate(self.images)
        )

    def close(self) -> None:
        """Stop every process and every thread."""
        try:
            stop_all(actor.child for actor in self.actors if actor.child is not None)
        finally:
            self._jobs.close()

    def _upload(self, number: int, attempts: int) -> None:
        alive = self.alive
        if not alive:
            raise ClientError("there is no live node to put a picture to")
        actor = alive[(number + _ATTEMPTS - attempts) % len(alive)]
        self.under_way += 1

        def done(image_id: str) -> None:
            self.under_way -= 1
            self.images[image_id] = None
            text = f"picture {number + 1} put to node {actor.number}"
            self._reporter.tell("uploaded", text, id=image_id, node=actor.number)

        def failed(error: NoAnswer) -> None:
            if attempts > 1 and self.alive:
                self.under_way -= 1
                self._upload(number, attempts - 1)
            else:
                self._refuse(error)

        self._jobs.begin(
            functools.partial(_draw_and_put, actor.place, number, self._seed), done, failed
        )

    def _refuse(self, error: NoAnswer) -> None:
        self.under_way -= 1
        self.refused += 1
        self._reporter.tell("failed", str(error))

    def _ask(self, actor: Actor, now: float) -> None:
        child = actor.child
        actor.is_asked, actor.asked_at = True, now

        # Of a process that has been killed meanwhile, no answer counts any longer.
        def told(facts: Facts) -> None:
            if actor.child is child:
                actor.is_asked = False
                new = actor.learn(facts, time.monotonic(), len(self.alive) - 1)
                self.healing.copied(new)

        def failed(_: NoAnswer) -> None:
            if actor.child is child:
                actor.is_asked = False

        self._jobs.begin(functools.partial(asking.facts_of, actor.place), told, failed)

    def _pause_s(self) -> float:
        return max(_POLL_S, _POLL_S_A_NODE * len(self.actors))

    def _anyone(self) -> Actor:
        alive = self.alive
        if not alive:
            raise ClientError("there is no live node")
        return self.rng.choice(alive)


def short_id(image_id: str) -> str:
    """As much of an id as is needed to tell it from others."""
    return image_id.partition("-")[2][:8]


def _draw_and_put(place: Place, number: int, seed: int) -> str:
    from reticulum.imaging.samples import sample  # noqa: PLC0415  (Pillow takes its time)

    return asking.upload(place, sample(number, seed))
