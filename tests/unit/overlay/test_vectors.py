"""The examples in the documentation are what nodes write, and read."""

import re
from pathlib import Path

import protocol_vectors as vectors
import pytest
from overlay_strategies import NOW

from reticulum.overlay.grid_keys import GridKeys, KeyRing
from reticulum.overlay.invite import Invite
from reticulum.overlay.messages import decode, encode
from reticulum.overlay.messages.layout import KINDS
from reticulum.overlay.records import NodeRecord, ProviderRecord, Verification, read_tombstone
from reticulum.overlay.replay import Windows
from reticulum.overlay.seal import RECIPIENT_BYTES
from reticulum.overlay.unseal import Unsealer
from reticulum.reach.relay.judge import Judge
from reticulum.reach.relay.status import Answer, Dialler, Status, read_answer, read_go

PAGE = Path(__file__).parents[3] / "docs" / "protocol" / "vectors.md"


def written(name: str) -> str:
    """What the page has in the fence below the heading *name*."""
    fence = rf"^##+ {name}\n(?:(?!^#).*\n)*?```\n([^`]*)```$"
    found = re.search(fence, PAGE.read_text(), re.MULTILINE)
    assert found, f"{name} is not in {PAGE}"
    return found[1].replace("\n", "")


def test_the_page_is_what_nodes_write() -> None:
    """To the byte, explanations included; the module that makes it says how to make it anew."""
    assert vectors.page() == PAGE.read_text()


def test_every_kind_is_there() -> None:
    """A new kind of message needs an example."""
    assert set(KINDS) == {type(message.body) for message in vectors.MESSAGES.values()}


@pytest.mark.parametrize("name", vectors.MESSAGES)
def test_messages(name: str) -> None:
    """What the page says reads as the message, and the message is written as the page says."""
    data = bytes.fromhex(written(name))
    assert vectors.MESSAGES[name] == decode(data)
    assert data == encode(decode(data)).data


def test_records() -> None:
    """Read from the page they are whole, and their signatures are right."""
    provider, withdrawn, node, tombstone = (
        bytes.fromhex(written(name)) for name in vectors.RECORDS
    )
    records = (
        ProviderRecord.parse(provider),
        ProviderRecord.parse(withdrawn),
        NodeRecord.parse(node),
    )
    assert (vectors.PROVIDER, vectors.WITHDRAWN, vectors.NODE) == records
    for record in records:
        Verification().verify(record, NOW, vectors.SENDER)
    assert vectors.TOMBSTONE == read_tombstone(tombstone, NOW)


def test_datagram() -> None:
    """The recipient opens it, once, and finds the Knock."""
    ring = KeyRing(GridKeys.of_secret(vectors.SECRET))
    me = vectors.RECIPIENT.digest[:RECIPIENT_BYTES]
    unsealer = Unsealer(ring, boot=b"another boot", me=me, windows=Windows(0))
    opened = unsealer.unseal(bytes.fromhex(written("Datagram")), NOW * 1000)
    assert vectors.MESSAGES["Knock"] == decode(opened.body)
    assert (vectors.BOOT, NOW * 1000) == (opened.boot, opened.clock_ms)


def test_invite() -> None:
    """It is read as the grid's secret and two doors."""
    invite = Invite.parse(written("Invite"))
    assert vectors.SECRET == invite.secret
    assert ["192.0.2.7:4160", "node.example:4160"] == [str(each) for each in invite.entrances]
    assert written("Invite") == invite.text()


@pytest.mark.parametrize("name", vectors.HELLOS)
def test_hellos(name: str) -> None:
    """The recipient believes them; they say what the page says, and are made as it says."""
    data = bytes.fromhex(written(name))
    key = GridKeys.of_secret(vectors.SECRET).peer_http
    hello = Judge(vectors.RECIPIENT).judge(data, [key], NOW * 1000)
    assert hello is not None
    assert vectors.HELLOS[name] == (hello.kind, hello.wanted)
    assert (vectors.SENDER, vectors.NONCE) == (hello.sender, hello.nonce)
    assert data == vectors.hello(name)


def test_answers_to_hellos() -> None:
    """They are read as what the page says of them."""
    welcome, go = (bytes.fromhex(written(name)) for name in ("Welcome", "Go"))
    assert (Answer(Status.WELCOME, vectors.SIX), b"") == read_answer(welcome)
    assert (Dialler(vectors.SENDER, vectors.FOUR), b"") == read_go(go)
