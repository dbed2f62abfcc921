"""Records: made by whom they speak for, believed for as long as they hold, and by nobody else."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from overlay_strategies import (
    NOW,
    bitten,
    forged,
    key,
    node_record,
    node_records,
    private_key,
    provider_record,
    provider_records,
)

from reticulum.errors import BadMessage, BadRecord, RecordFault
from reticulum.model import Address, Contact, Shelf
from reticulum.overlay.records import (
    LIFETIME_S,
    MOST_SKEW_S,
    NodeRecord,
    ProviderRecord,
    Role,
    Verification,
    next_sequence,
    pack_providers,
    parse,
    size_class,
    unpack_providers,
    zone_mark,
)
from reticulum.overlay.wire import pack

_EITHER = [provider_record(), node_record()]
_NAMES = ["provider", "node"]


def _fault(record: ProviderRecord | NodeRecord, now: float = NOW, **speaker: object) -> RecordFault:
    with pytest.raises(BadRecord) as caught:
        Verification().verify(record, now, **speaker)
    assert caught.value.fault.name.lower().replace("_", " ") in str(caught.value)
    return caught.value.fault


@pytest.mark.parametrize("record", _EITHER, ids=_NAMES)
def test_honest(record: ProviderRecord | NodeRecord) -> None:
    """An honest record is believed, as often as it comes, until it expires."""
    verification = Verification()

    for now in (NOW - MOST_SKEW_S, NOW, NOW + LIFETIME_S - 1):
        verification.verify(record, now)
        verification.verify(record, now, record.speaker)
    assert 1 == len(verification)


@pytest.mark.parametrize("record", _EITHER, ids=_NAMES)
def test_expired(record: ProviderRecord | NodeRecord) -> None:
    """A day later it is over."""
    assert RecordFault.EXPIRED is _fault(record, NOW + LIFETIME_S)


@pytest.mark.parametrize("record", _EITHER, ids=_NAMES)
def test_not_yet_valid(record: ProviderRecord | NodeRecord) -> None:
    """A clock that is an hour ahead makes records that are refused as that."""
    assert RecordFault.NOT_YET_VALID is _fault(record, NOW - 3600)


def test_too_long_lived() -> None:
    """Nobody speaks for longer than a day, however well signed."""
    draft = forged(provider_record(), expires=NOW + LIFETIME_S + MOST_SKEW_S + 1)
    record = forged(draft, signature=private_key(1).sign(draft.signed))

    assert RecordFault.TOO_LONG_LIVED is _fault(record)


@pytest.mark.parametrize("record", _EITHER, ids=_NAMES)
def test_signed_by_another_than_it_speaks_for(record: ProviderRecord | NodeRecord) -> None:
    """A record of one node is none of another."""
    assert RecordFault.WRONG_SPEAKER is _fault(record, speaker=key(5))


def test_signed_with_another_key() -> None:
    """A signature of another node is none, and being believed before does not help."""
    record = provider_record()
    verification = Verification()
    verification.verify(record, NOW)
    stolen = forged(record, signature=private_key(2).sign(record.signed))

    for _ in range(2):
        with pytest.raises(BadRecord) as caught:
            verification.verify(stolen, NOW)
        assert RecordFault.BAD_SIGNATURE is caught.value.fault


@pytest.mark.parametrize(
    "changes",
    [
        {"key": key(2)},
        {"public_key": bytes(32)},
        {"zone": bytes(8)},
        {"size_class": 1},
        {"flags": 1},
        {"sequence": 2},
        {"issued": NOW - 1},
        {"expires": NOW + 1},
        {"signature": bytes(64)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_changed(changes: dict[str, object]) -> None:
    """Nothing in a record can be changed."""
    assert RecordFault.BAD_SIGNATURE is _fault(forged(provider_record(), **changes))


@given(st.sampled_from(_EITHER).flatmap(lambda record: bitten(record.packed)))
def test_one_byte_wrong(packed: bytes) -> None:
    """A record with any byte changed is refused, in parsing or in verification."""
    with pytest.raises(BadRecord):
        Verification().verify(parse(packed), NOW)


@given(st.binary(max_size=600))
def test_random_bytes(packed: bytes) -> None:
    """Every input is a record or the one refusal."""
    for data in (packed, b"\1" + packed, b"\2" + packed):
        with contextlib.suppress(BadRecord):
            assert data == parse(data).packed


@given(provider_records() | node_records())
def test_round_trip(record: ProviderRecord | NodeRecord) -> None:
    """Equal records have equal bytes, and back."""
    assert record == parse(record.packed)
    assert record.packed == parse(record.packed).packed


@given(node_records())
def test_node_records_are_believed(record: NodeRecord) -> None:
    """Whatever a node says about itself, its signature holds."""
    Verification().verify(record, record.issued)


def test_one_kind_is_never_the_other() -> None:
    """Labels keep a signature over one kind from being one over another."""
    provider, node = provider_record(), node_record()

    assert provider.signed.startswith(b"reticulum provider record 1\0")
    assert node.signed.startswith(b"reticulum node record 1\0")
    assert RecordFault.BAD_SIGNATURE is _fault(
        forged(provider, signature=private_key(1).sign(provider.packed[:-64]))
    )


def test_provider_record_bytes() -> None:
    """The layout of the protocol's page, byte by byte."""
    packed = provider_record(withdrawn=True).packed

    assert 143 == len(packed)
    assert b"\1" == packed[:1]
    assert zone_mark("attic") == packed[33:41]
    assert 1 == packed[41]
    assert 1 == int.from_bytes(packed[42:50])
    assert [NOW, NOW + LIFETIME_S] == [int.from_bytes(packed[at : at + 4]) for at in (50, 54)]
    assert key(1).digest == packed[58:78]
    assert 22 == packed[78] == size_class(3_000_000)


def test_node_record_keeps_what_it_does_not_know() -> None:
    """A newer node's record is believed and passed on whole."""
    record = node_record()
    fields = {"addresses": b"", "capacity": 1, "free": 1, "relays": b"", "role": 1, "tide": "high"}
    body = record.packed[:49] + pack(fields)
    newer = body + private_key(1).sign(b"reticulum node record 1\0" + body)

    read = parse(newer)

    Verification().verify(read, NOW, record.speaker)
    assert newer == read.packed


def test_node_record_without_a_shelf() -> None:
    """An older node's record says nothing of a shelf: it keeps images."""
    fields = {"addresses": b"", "capacity": 1, "free": 1, "relays": b"", "role": 1}
    body = node_record().packed[:49] + pack(fields)

    older = parse(body + private_key(1).sign(b"reticulum node record 1\0" + body))

    assert isinstance(older, NodeRecord)
    assert Shelf.OPEN is older.shelf


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"role": 2},
        {"shelf": 3},
        {"shelf": "1"},
        {"addresses": b"\4\1\2\3\4\0\1" * 9},
        {"relays": (b"r" * 20 + b"\4\1\2\3\4\0\1") * 5},
        {"addresses": b"\4"},
        {"zone": "\x1b"},
        {"zone": "z" * 65},
        {"software": 1},
        {"pad": bytes(400)},
    ],
    ids=lambda fields: next(iter(fields), "nothing"),
)
def test_malformed_node_records(fields: dict[str, object]) -> None:
    """Bounds are kept by whoever reads."""
    good = {"addresses": b"", "capacity": 1, "free": 1, "relays": b"", "role": 1}
    body = node_record().packed[:49] + pack({**good, **fields} if fields else {})

    with pytest.raises(BadRecord, match="malformed"):
        parse(body + bytes(64))


def test_ends_before_it_begins() -> None:
    """No tricks with time running backwards."""
    with pytest.raises(BadRecord, match="malformed"):
        parse(forged(provider_record(), expires=NOW).packed)


def test_a_node_can_not_say_too_much() -> None:
    """What others would refuse is not signed."""
    with pytest.raises(BadRecord):
        NodeRecord.sign(
            private_key(1),
            addresses=[Address("192.0.2.1", port) for port in range(1, 10)],
            relays=[Contact(key(1), Address("192.0.2.1", 1))],
            role=Role.CLIENT,
            sequence=1,
            now=NOW,
        )


def test_few_signatures_are_remembered() -> None:
    """A flood of records takes no memory, and unsound ones push out no sound ones."""
    verification = Verification(remembered=4)
    for image in range(10):
        verification.verify(provider_record(1, image), NOW)
    for image in range(10):
        with pytest.raises(BadRecord):
            verification.verify(forged(provider_record(1, image), sequence=9), NOW)

    assert 4 == len(verification)


@given(st.lists(provider_records(), max_size=40), st.integers(0, 4000))
def test_batches(records: list[ProviderRecord], room: int) -> None:
    """What fits comes through in order, and nothing takes more than its room."""
    records.sort(key=lambda record: record.head)

    packed, written = pack_providers(records, room)

    assert len(packed) <= room
    assert records[:written] == unpack_providers(packed)
    if written < len(records):
        assert len(packed) + 59 + 85 > room


def test_a_large_batch() -> None:
    """More records than a group counts go into two groups."""
    records = [provider_record(1, 1)] * 300

    assert (300, records) == (
        pack_providers(records, 10**6)[1],
        unpack_providers(pack_providers(records, 10**6)[0]),
    )


@given(st.binary(max_size=400))
def test_random_batches(packed: bytes) -> None:
    """Every input is a list of records or the one refusal."""
    try:
        records = unpack_providers(packed)
    except BadMessage:
        return
    assert len(records) <= len(packed) // 85


@given(st.lists(st.floats(0, 2**32), min_size=2))
def test_sequence_never_goes_back(clocks: list[float]) -> None:
    """Whatever the clock does, a node's later records hold."""
    sequence = 0
    for now in clocks:
        following = next_sequence(sequence, now)
        assert following > sequence
        sequence = following


def test_batches_of_another_kind() -> None:
    """A batch holds provider records, each living for a while."""
    packed, _ = pack_providers([provider_record()], 1000)

    for bad in (b"\2" + packed[1:], packed[:54] + bytes(4) + packed[58:]):
        with pytest.raises(BadMessage):
            unpack_providers(bad)


def test_flags() -> None:
    """Withdrawn and client are told apart; flags of a newer version mean nothing."""
    signed = ProviderRecord.sign(private_key(1), key=key(1), sequence=1, now=NOW, client=True)

    assert (False, True) == (signed.withdrawn, signed.client)
    assert (True, False) == (provider_record(withdrawn=True).withdrawn, provider_record().client)
    assert not forged(signed, flags=4).withdrawn


def test_size_classes() -> None:
    """Powers of two; no size is too large."""
    assert [0, 1, 2, 2, 3, 63] == [size_class(n) for n in (0, 1, 2, 3, 4, 2**80)]


def test_zone_marks() -> None:
    """Zones are told apart; no zone is no zone."""
    assert bytes(8) == zone_mark("") != zone_mark("attic") != zone_mark("cellar")
    assert 8 == len(zone_mark("attic"))
