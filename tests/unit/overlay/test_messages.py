"""Messages: what they hold comes through, within the room there is; anything else is refused."""

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from overlay_strategies import (
    NOW,
    addresses,
    bitten,
    contacts,
    key,
    message,
    message_values,
    node_record,
    provider_record,
    provider_records,
    relayed,
)

from reticulum.errors import BadMessage
from reticulum.model import Address, Contact
from reticulum.overlay.messages import (
    LARGEST_BODY,
    Dialling,
    DialMe,
    Envelope,
    Find,
    Found,
    Gone,
    Goodbye,
    Knock,
    Message,
    Page,
    Ping,
    Pong,
    Store,
    Stored,
    Tokens,
    Want,
    decode,
    encode,
    padding_for,
    reply_room,
)
from reticulum.overlay.messages.layout import HEAD
from reticulum.overlay.records import ProviderRecord, pack_providers
from reticulum.overlay.seal import OVERHEAD_BYTES
from reticulum.overlay.wire import Value, pack

_TWENTY = tuple(Contact(key(n), Address(f"192.0.2.{n + 1}", 4160)) for n in range(20))


def _raw(kind: int, fields: dict[str, Value]) -> bytes:
    return HEAD.pack(1, kind, 0, b"transact", key(0).digest) + pack(fields)


@given(message_values())
def test_round_trip(sent: Message) -> None:
    """What is said is heard."""
    encoded = encode(sent)

    assert sent == decode(encoded.data)
    assert (0, 0, 0, False) == (
        encoded.providers_left,
        encoded.closer_left,
        encoded.relayed_left,
        encoded.record_left,
    )


@given(message_values(), st.integers(0, LARGEST_BODY - 10))
def test_padding(sent: Message, pad_to: int) -> None:
    """Padding makes a message longer and says nothing."""
    encoded = encode(sent, pad_to=pad_to)

    assert sent == decode(encoded.data)
    assert len(encoded.data) >= pad_to


@given(st.binary(max_size=1300))
@example(b"")
@example(b"\1\2")
@example(bytes(65_000))
def test_random_bytes(data: bytes) -> None:
    """Every input is a message or the one refusal."""
    _message_or_refusal(data)


@given(st.integers(0, 13), st.binary(max_size=500))
def test_random_fields(kind: int, fields: bytes) -> None:
    """Every input is a message or the one refusal, also with a good head."""
    _message_or_refusal(HEAD.pack(1, kind, 0, b"transact", bytes(20)) + fields)


@given(message_values().map(lambda sent: encode(sent).data).flatmap(bitten))
def test_one_byte_wrong(data: bytes) -> None:
    """Every input is a message or the one refusal, also when it is nearly right."""
    _message_or_refusal(data)


@given(message_values().map(lambda sent: encode(sent).data), st.data())
def test_cut_off(data: bytes, draw: st.DataObject) -> None:
    """What is cut off is refused, wherever."""
    with pytest.raises(BadMessage):
        decode(data[: draw.draw(st.integers(0, len(data) - 1))])


@given(
    st.integers(1, 11),
    st.dictionaries(
        st.sampled_from(
            [
                "accepted",
                "agreed",
                "attached",
                "closer",
                "holds",
                "left",
                "node",
                "nodes",
                "nonce",
                "page",
                "port",
                "providers",
                "record",
                "refused",
                "relayed",
                "seen",
                "sequence",
                "software",
                "target",
                "tcp",
                "token",
                "want",
            ]
        ),
        st.none()
        | st.booleans()
        | st.integers(0, 2**64 - 1)
        | st.binary(max_size=60)
        | st.text(max_size=9)
        | st.lists(st.integers(0, 9), max_size=3),
    ),
)
def test_fields_of_any_type(kind: int, fields: dict[str, Value]) -> None:
    """Missing, wrong-typed and oversized fields are refused, not stumbled over."""
    _message_or_refusal(_raw(kind, fields))


@pytest.mark.parametrize(
    "kind, fields",
    [
        (3, {"want": 1}),
        (3, {"target": bytes(19), "want": 1}),
        (3, {"target": bytes(20)}),
        (3, {"target": bytes(20), "want": "nodes"}),
        (3, {"target": bytes(20), "want": True}),
        (3, {"target": bytes(20), "want": 1, "page": 2**32}),
        (4, {"closer": b"\4"}),
        (4, {"closer": [1]}),
        (4, {"left": 256}),
        (4, {"attached": 1}),
        (4, {"relayed": bytes(20)}),
        (4, {"relayed": bytes(20) + bytes(20) + b"\4\x7f\0\0\1\0\1"}),
        (4, {"relayed": bytes(20) + b"\1" * 20 + b"\4\x7f\0\0\1\0\0"}),
        (4, {"providers": bytes(144)}),
        (4, {"node": b"\2" + bytes(200)}),
        (4, {"seen": b"\4\x7f\0\0\1\0\1\0"}),
        (5, {}),
        (5, {"token": b"short"}),
        (6, {}),
        (7, {"nodes": b""}),
        (7, {"nodes": bytes(21)}),
        (7, {"nodes": bytes(340)}),
        (8, {"nonce": bytes(8), "port": 0}),
        (8, {"nonce": bytes(8), "port": 65_536}),
        (10, {}),
        (0, {}),
        (12, {}),
    ],
)
def test_refused(kind: int, fields: dict[str, Value]) -> None:
    """Known messages with missing or wrong arguments, and unknown messages."""
    with pytest.raises(BadMessage):
        decode(_raw(kind, fields))


def test_another_version() -> None:
    """A later version is refused as that."""
    data = encode(message(Goodbye())).data

    with pytest.raises(BadMessage, match="version 2"):
        decode(b"\2" + data[1:])


def test_newer_fields_are_ignored() -> None:
    """A message of a newer node is understood as far as this one goes."""
    data = _raw(3, {"target": bytes(20), "want": 255, "hurry": [1, {"x": b""}], "pad": bytes(9)})

    body = decode(data).body

    assert isinstance(body, Find)
    assert Want.NODES | Want.HOLDERS | Want.RECORD | Want.RELAYED == body.want


def test_too_long() -> None:
    """Nothing over one packet is even looked at."""
    with pytest.raises(BadMessage):
        decode(_raw(1, {"pad": bytes(LARGEST_BODY)}))


def test_every_kind_is_told_apart() -> None:
    """One number a kind."""
    for body in (Ping(), Pong(), Find(target=key(1)), Found(), Store(token=b"12345678"), Stored(),
                 Gone((key(1),)), DialMe(nonce=b"12345678", port=1), Dialling(agreed=False),
                 Knock(b"12345678"), Goodbye()):  # fmt: skip
        assert body == decode(encode(message(body)).data).body


@given(
    providers=st.lists(provider_records(), max_size=30),
    closer=st.lists(contacts(), max_size=40),
    behind=st.lists(relayed(), max_size=30),
    record=st.booleans(),
    seen=st.none() | addresses(),
    room=st.integers(120, LARGEST_BODY),
)
def test_room(
    *,
    providers: list[ProviderRecord],
    closer: list[Contact],
    behind: list[Contact],
    record: bool,
    seen: Address | None,
    room: int,
) -> None:
    """What fits is sent, the first first; what does not is counted; never more than the room."""
    found = Found(
        providers=tuple(providers),
        closer=tuple(closer),
        relayed=tuple(behind),
        record=node_record() if record else None,
        seen=seen,
        token=b"12345678",
    )

    encoded = encode(message(found), room)

    assert len(encoded.data) <= room
    heard = decode(encoded.data).body
    assert isinstance(heard, Found)
    assert found.providers[: len(heard.providers)] == heard.providers
    assert found.closer[: len(heard.closer)] == heard.closer
    assert found.relayed[: len(heard.relayed)] == heard.relayed
    assert len(providers) - len(heard.providers) == encoded.providers_left
    assert len(closer) - len(heard.closer) == encoded.closer_left
    assert len(behind) - len(heard.relayed) == encoded.relayed_left
    assert heard.left == encoded.providers_left + encoded.relayed_left
    assert (heard.record is None) == (found.record is None or encoded.record_left)


def test_nothing_is_left_out_without_need() -> None:
    """Twenty contacts and three holders fit into one packet."""
    holders = tuple(provider_record(node) for node in range(3))

    encoded = encode(
        message(Found(providers=holders, closer=_TWENTY, seen=_TWENTY[0].address, token=b"1" * 8))
    )

    assert (0, 0) == (encoded.providers_left, encoded.closer_left)


def test_neither_crowds_out_the_other() -> None:
    """Many holders and many contacts each get half."""
    holders = tuple(provider_record(node) for node in range(64))

    encoded = encode(message(Found(providers=holders, closer=_TWENTY * 5)))

    assert 64 - encoded.providers_left >= 3
    assert 100 - encoded.closer_left >= 18


_BEHIND = tuple(
    Contact(key(n + 50), Address(f"192.0.2.{n % 3 + 1}", 4160), via=key(n % 3)) for n in range(60)
)


def test_relayed_nodes_crowd_out_nobody() -> None:
    """All 28 servers that a lookup wants to hear of are named, and some relayed ones besides."""
    closer = (*_TWENTY, *(attrs.evolve(one, node_id=key(99 + n)) for n, one in enumerate(_TWENTY)))
    found = Found(closer=closer[:28], relayed=_BEHIND, seen=_TWENTY[0].address, token=b"1" * 8)

    encoded = encode(message(found))

    assert 0 == encoded.closer_left
    assert 60 - encoded.relayed_left >= 5


def test_relayed_nodes_take_what_is_left() -> None:
    """In a grid of few servers and many relayed nodes, twenty of these fit beside the servers."""
    encoded = encode(message(Found(closer=_TWENTY[:3], relayed=_BEHIND[:20], token=b"1" * 8)))

    assert 0 == encoded.relayed_left


def test_pages_of_relayed_nodes() -> None:
    """Sixty relayed nodes are all heard of, each once."""
    heard: list[Contact] = []
    page: Page | None = Page()
    while page is not None:
        answer = Found(page=page, relayed=_BEHIND[page.offset :])
        body = decode(encode(message(answer)).data).body
        assert isinstance(body, Found)
        heard += body.relayed
        page = body.next_page

    assert list(_BEHIND) == heard


def test_a_relayed_node_is_not_told_of_as_if_it_were_at_its_relay() -> None:
    """Written as a server it would be entered in tables; written without its relay, nowhere."""
    with pytest.raises(ValueError, match="through a relay"):
        encode(message(Found(closer=_BEHIND[:1])))
    with pytest.raises(ValueError, match="through no relay"):
        encode(message(Found(relayed=_TWENTY[:1])))


def test_only_messages_are_encoded() -> None:
    """Anything else is our own mistake."""
    with pytest.raises(TypeError, match="str is no message"):
        encode(message("hello"))


def test_no_room_at_all() -> None:
    """An answer that can't be given is our own mistake, and said so."""
    with pytest.raises(ValueError, match="does not fit"):
        encode(message(Pong(seen=_TWENTY[0].address, token=b"12345678")), 50)


@given(message_values(), st.none() | addresses())
def test_never_more_than_three_times_the_request(request: Message, seen: Address | None) -> None:
    """Whatever an unproven address sends, what it draws is no attack; and it draws something."""
    asked = len(encode(request).data)

    room = reply_room(asked, proven=False)
    answers = (
        Found(closer=_TWENTY, seen=seen, token=b"12345678", page=Page(9, 9), holds=True),
        Pong(seen=seen, token=b"12345678", sequence=2**64 - 1, software="x" * 32),
        Stored(accepted=255, token=b"12345678"),
    )

    for answer in answers:
        sealed = len(encode(message(answer), room).data) + OVERHEAD_BYTES
        assert sealed <= 3 * (asked + OVERHEAD_BYTES)


def test_proven_addresses_get_a_whole_packet() -> None:
    """A token or an earlier answer opens the whole room; so does padding."""
    find = encode(message(Find(target=key(1)))).data
    padded = encode(message(Find(target=key(1))), pad_to=padding_for(len(find))).data

    assert LARGEST_BODY == reply_room(len(find), proven=True)
    assert LARGEST_BODY == reply_room(len(padded), proven=False)
    assert LARGEST_BODY > reply_room(len(find), proven=False)
    assert 1000 == padding_for(1000)


def test_a_datagram_of_records() -> None:
    """Twelve records of one provider travel in one datagram: the sweep's budget rests on it."""
    records = tuple(provider_record(1, image) for image in range(20))

    encoded = encode(message(Store(token=b"12345678", providers=records)))

    assert 20 - 12 == encoded.providers_left
    assert 12 * 143 > len(pack_providers(records[:12], 9999)[0])


def test_pages() -> None:
    """Sixty-four holders are all heard of, datagram by datagram, each once."""
    holders = [provider_record(node) for node in range(64)]
    heard: list[ProviderRecord] = []
    page: Page | None = Page(77, 0)
    rounds = 0
    while page is not None:
        answer = Found(page=page, providers=tuple(holders[page.offset :]), closer=_TWENTY)
        body = decode(encode(message(answer)).data).body
        assert isinstance(body, Found)
        heard += body.providers
        page = body.next_page
        rounds += 1

    assert holders == heard
    assert rounds < 64


def test_a_page_of_nothing_is_the_last() -> None:
    """A peer that always says "more" and never gives any ends the paging."""
    assert Found(left=200).next_page is None


def test_tokens() -> None:
    """A token is good where it was given, for who got it, for five to ten minutes."""
    tokens, here, there = Tokens(bytes(32)), Address("192.0.2.1", 1), Address("192.0.2.1", 2)
    token = tokens.give(key(1), here, NOW)

    assert tokens.accept(token, key(1), here, NOW + 300)
    assert not tokens.accept(token, key(1), here, NOW + 601)
    assert not tokens.accept(token, key(1), there, NOW)
    assert not tokens.accept(token, key(2), here, NOW)
    assert not tokens.accept(b"", key(1), here, NOW)
    assert not Tokens(b"1" * 32).accept(token, key(1), here, NOW)


def test_the_sender_is_there_to_be_compared() -> None:
    """An answer for another id can be told from the one that was wanted."""
    envelope = decode(encode(message(Pong(), key(5))).data).envelope

    assert Envelope(b"transact", key(5), server=True) == envelope


def _message_or_refusal(data: bytes) -> None:
    try:
        heard = decode(data)
    except BadMessage:
        return
    assert heard == decode(encode(heard).data)
