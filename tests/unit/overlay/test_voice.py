"""What a node says about itself: true, and no oftener than there is news."""

import random

import attrs
import pytest
from overlay_strategies import NOW, key, private_key

from reticulum.model import Address, Contact, Shelf
from reticulum.overlay.records import RENEW_RELAYED_S, Role
from reticulum.overlay.standing import Standing
from reticulum.overlay.surroundings import Offer, Place
from reticulum.overlay.vantage import Vantage
from reticulum.overlay.voice import RENEW_S, Voice

RELAYS = (Contact(key(5), Address("192.0.2.5", 4160)),)


class Speaker:
    """A voice whose offer can change."""

    def __init__(self) -> None:
        self.now = float(NOW)
        self.offer = Offer(zone="attic", capacity=800, free=400, software="reticulum 0.1")
        self.voice = Voice(
            private_key(1),
            place=Place(port=4160, addresses=(Address("192.0.2.1", 4160),)),
            offer=lambda: self.offer,
            standing=Standing(4160, random.Random(1), Role.SERVER, lambda: None),  # noqa: S311
            vantage=Vantage(),
            now=lambda: self.now,
        )


@pytest.mark.parametrize(
    "news",
    [
        {"shelf": Shelf.FULL},
        {"zone": "cellar"},
        {"capacity": 900},
        {"free": 0},
        {"software": "x"},
        {"relays": RELAYS},
        {"relaying": True},
    ],
    ids=str,
)
def test_news_make_a_new_record(news: dict[str, object]) -> None:
    """Whatever others go by is told with a higher sequence number; all else with the old record."""
    speaker = Speaker()
    first = speaker.voice.node_record()
    assert first is not None
    assert first is speaker.voice.node_record()

    speaker.offer = attrs.evolve(speaker.offer, **news)
    second = speaker.voice.node_record()

    assert second is not None
    assert second.sequence > first.sequence
    assert news == {name: getattr(second, name) for name in news}


@pytest.mark.parametrize("relays, age_s", [((), RENEW_S), (RELAYS, RENEW_RELAYED_S)])
def test_made_anew_before_it_is_old(relays: tuple[Contact, ...], age_s: float) -> None:
    """Who is reached through relays says every few minutes that it is there."""
    speaker = Speaker()
    speaker.offer = attrs.evolve(speaker.offer, relays=relays)
    first = speaker.voice.node_record()
    speaker.now += age_s - 1
    assert first is speaker.voice.node_record()
    speaker.now += 1
    second = speaker.voice.node_record()
    assert first is not None
    assert second is not None
    assert second.sequence > first.sequence


def test_an_image_more_or_less_is_no_news() -> None:
    """Free space is told in eighths of the whole."""
    speaker = Speaker()
    first = speaker.voice.node_record()
    speaker.offer = attrs.evolve(speaker.offer, free=401)

    assert first is speaker.voice.node_record()
