"""What the keys of a demo do."""

import random
from pathlib import Path
from typing import Any, cast

import attrs
import pytest

from reticulum.cli.demo.actor import Actor
from reticulum.cli.demo.controls import Controls
from reticulum.cli.demo.events import Event, Reporter
from reticulum.cli.demo.places import Place
from reticulum.cli.demo.stage import Stage


def actor(number: int) -> Actor:
    place = Place(number=number, zone="east", data=Path("x"), http_port=1, peer_port=2)
    return Actor(place)


@attrs.define
class FakeStage:
    """Twelve nodes, of which 2 and 11 are down."""

    actors: list[Actor] = attrs.field(factory=lambda: [actor(n) for n in range(1, 13)])
    images: dict[str, None] = attrs.field(factory=dict)
    done: list[tuple[Any, ...]] = attrs.field(factory=list)
    rng: random.Random = attrs.field(factory=random.SystemRandom)

    @property
    def alive(self) -> list[Actor]:
        return [each for each in self.actors if each.number not in {2, 11}]

    @property
    def dead(self) -> list[Actor]:
        return [each for each in self.actors if each.number in {2, 11}]

    def kill(self, actor: Actor) -> None:
        self.done.append(("kill", actor.number))

    def revive(self, actor: Actor, *, is_wiped: bool = False) -> None:
        self.done.append(("wipe" if is_wiped else "revive", actor.number))

    def upload(self, count: int) -> None:
        self.done.append(("upload", count))

    def delete(self, image_id: str) -> None:
        self.done.append(("delete", image_id))


def press(keys: str, stage: FakeStage) -> tuple[Controls, list[str]]:
    told: list[Event] = []
    controls = Controls(cast("Stage", stage), Reporter(told.append, lambda: 0.0))
    for key in keys:
        controls.press(key)
    return controls, [event.text for event in told]


@pytest.mark.parametrize(
    "keys, done",
    [
        ("3k", ("kill", 3)),
        ("9nnnk", ("kill", 12)),
        ("ppr", ("revive", 11)),
        ("2r", ("revive", 2)),
        ("2w", ("wipe", 2)),
        ("u", ("upload", 1)),
        ("d", ("delete", "a")),
    ],
)
def test_keys_act_on_the_chosen_node(keys: str, done: tuple[Any, ...]) -> None:
    """Digits choose; n and p reach the nodes from 10 on."""
    stage = FakeStage(images={"a": None})
    press(keys, stage)
    assert [done] == stage.done


@pytest.mark.parametrize("keys, fit", [("k", {1, *range(3, 11), 12}), ("30r", {2, 11})])
def test_without_a_choice_it_is_any_that_fits(keys: str, fit: set[int]) -> None:
    """`k` takes one that runs, `r` one that is down; 0 takes a choice back."""
    stage = FakeStage()
    press(keys, stage)
    assert [True] == [number in fit for _, number in stage.done]


def test_what_can_not_be_done_is_told() -> None:
    """Killing the dead, reviving the living, deleting nothing."""
    stage = FakeStage()
    _, told = press("2k3r3wd", stage)

    assert [] == stage.done
    assert [
        "node 2 is not one that runs",
        "node 3 is not one that is down",
        "node 3 is not one that is down",
        "there is nothing to delete, or no node runs",
    ] == told


def test_quit_and_unknown_keys() -> None:
    """`q` ends it; a key without a meaning does nothing at all."""
    stage = FakeStage()
    controls, told = press("xyzq", stage)
    assert (True, [], []) == (controls.is_over, told, stage.done)
