"""Copies are counted from what nodes say, and told when something changes."""

import pytest

from reticulum.cli.demo.counting import Facts, Tally
from reticulum.cli.demo.events import Event, Reporter
from reticulum.cli.demo.healing import Healing


def holding(*letters: str) -> list[frozenset[str]]:
    return [frozenset(images) for images in letters]


def test_images_are_counted_by_their_copies() -> None:
    """Each image counts once, by how many nodes say they hold it; four and more are one class."""
    tally = Tally.of("abcdef", holding("bcdef", "cdef", "def", "ef", "f"))

    assert (1, 1, 1, 1, 2) == tally.by_copies
    assert (3, 3, 1) == (tally.wanted, tally.short, tally.lost)


def test_what_was_deleted_does_not_count() -> None:
    """An image that only nodes still name is none that is short."""
    assert (0, 0, 0, 1, 0) == Tally.of("a", holding("ax", "ax", "a")).by_copies


@pytest.mark.parametrize(
    "holdings, is_safe, words",
    [
        (("ab", "ab", "ab"), True, "2 images x 3 copies: all safe"),
        (("ab", "ab"), True, "2 images x 2 copies: all safe"),
        (("ab", "ab", "a"), False, "1 of 2 images short, healing…"),
        (("a", "a", "a"), False, "1 of 2 images short, 1 on no live node, healing…"),
        ((), False, "2 of 2 images short, 2 on no live node, healing…"),
    ],
)
def test_safe_is_three_copies_or_one_a_node(
    holdings: tuple[str, ...], is_safe: bool, words: str
) -> None:
    """With fewer than three nodes alive, each has to have it; with none, all is lost."""
    tally = Tally.of("ab", holding(*holdings))

    assert (is_safe, words) == (tally.is_safe, tally.in_words())


def test_a_node_that_says_little_is_understood() -> None:
    """A status without replication, or without a grid, is no error: its numbers are unknown."""
    facts = Facts.of({}, ["a"])

    assert (None, None, False) == (facts.given, facts.repaired, facts.sees(2))
    assert facts.sees(0)


def test_a_member_that_knows_a_few_others_is_up() -> None:
    """In a grid of thirty nodes nobody has to know all thirty."""
    grid = {"joined": True, "role": "server", "peers": 3}

    assert Facts.of({"grid": grid}, ()).sees(29)
    assert not Facts.of({"grid": {**grid, "peers": 1}}, ()).sees(2)
    assert not Facts.of({"grid": {**grid, "role": "client"}}, ()).sees(2)


def test_a_member_that_could_give_nobody_a_copy_is_not_up() -> None:
    """What counts is whom it would copy to, itself not among them."""
    grid = {"joined": True, "role": "server", "peers": 9}

    assert not Facts.of({"grid": grid, "replication": {"members": 1}}, ()).sees(2)
    assert Facts.of({"grid": grid, "replication": {"members": 3}}, ()).sees(2)


class Told(list[Event]):
    def kinds(self) -> list[str]:
        return [event.kind for event in self]


def test_healing_is_told_once_with_its_time() -> None:
    """From the kill on that made images short until all have their copies again."""
    told = Told()
    healing = Healing(Reporter(told.append, lambda: 0.0))
    whole, hurt = (Tally.of("ab", holding("ab", "ab", last)) for last in ("ab", "a"))
    healing.look(whole, 1.0)
    healing.hurt()
    healing.look(hurt, 2.0)
    healing.copied(1)
    healing.look(hurt, 9.0)
    healing.look(whole, 10.0)
    healing.look(whole, 11.0)

    assert ["repaired", "healed"] == told.kinds()
    assert 1 == told[0].fields["copies"]
    assert 8.0 == told[1].fields["healed_s"]
    assert "all images have 3 copies again after 8 s" == told[1].text


def test_first_copies_are_no_repair() -> None:
    """Copies that an upload makes are told as that."""
    told = Told()
    healing = Healing(Reporter(told.append, lambda: 0.0))
    healing.look(Tally.of("a", holding("a", "", "")), 1.0)
    healing.copied(2)
    healing.look(Tally.of("a", holding("a", "a", "a")), 2.0)

    assert ["safe"] == told.kinds()
