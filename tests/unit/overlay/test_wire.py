"""The wire: named fields and addresses as bytes, whatever bytes come."""

import struct
import tracemalloc

import pytest
import umsgpack
from hypothesis import given
from hypothesis import strategies as st
from overlay_strategies import addresses, bitten, contacts, names, values

from reticulum.errors import BadMessage
from reticulum.model import Address, Contact
from reticulum.overlay.wire import (
    MOST_FIELDS,
    Fields,
    Value,
    pack,
    pack_address,
    pack_contact,
    take_address,
    take_contact,
    unpack,
)

_FIELDS = st.dictionaries(names(), values(), max_size=MOST_FIELDS)


@given(_FIELDS)
def test_round_trip(fields: dict[str, Value]) -> None:
    """What is written is read again, types included."""
    assert repr(fields) == repr(unpack(pack(fields)))


@given(_FIELDS)
def test_is_msgpack(fields: dict[str, Value]) -> None:
    """Any msgpack library reads it, and writes what we read."""
    assert fields == umsgpack.unpackb(pack(fields))
    assert fields == unpack(umsgpack.packb(fields))


@given(st.binary(max_size=1200))
def test_random_bytes(data: bytes) -> None:
    """Every input is a value or the one refusal."""
    _value_or_refusal(data)


@given(_FIELDS.map(pack).flatmap(bitten))
def test_one_byte_wrong(data: bytes) -> None:
    """Every input is a value or the one refusal, also when it is nearly right."""
    _value_or_refusal(data)


@given(_FIELDS.map(pack), st.data())
def test_cut_off(data: bytes, draw: st.DataObject) -> None:
    """What is cut off is refused, wherever."""
    length = draw.draw(st.integers(0, len(data) - 1))

    with pytest.raises(BadMessage):
        unpack(data[:length])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc0",
        b"\x01",
        b"\x90",
        pack({}) + b"\0",
        umsgpack.packb({"a": 1.0}),
        umsgpack.packb({"a": umsgpack.Ext(1, b"x")}),
        umsgpack.packb({"a": -1}),
        umsgpack.packb({1: 1}),
        umsgpack.packb({"a" * 25: 1}),
        umsgpack.packb({f"{n}": n for n in range(MOST_FIELDS + 1)}),
        b"\x82\xa1a\x01\xa1a\x01",
        b"\x81\xa1a\xa2\xff\xff",
        b"\x81\xa1a\xc1",
        b"\x81\xa1a\xc5\x01",
        umsgpack.packb({"a": [[[[1]]]]}),
    ],
    ids=[
        "empty", "nil", "number", "list", "trailing", "float", "extension", "negative",
        "name is a number", "long name", "many fields", "twice", "not UTF-8", "unused code",
        "half a length", "deep",
    ],
)  # fmt: skip
def test_refused(data: bytes) -> None:
    """What msgpack allows and this protocol does not use is refused."""
    with pytest.raises(BadMessage):
        unpack(data)


@pytest.mark.parametrize(
    "head", [b"\xc5\xff\xff", b"\xda\xff\xff", b"\xdc\xff\xff", b"\xde\xff\xff"]
)
def test_lengths_are_checked_before_anything_is_made(head: bytes) -> None:
    """A few bytes that promise many cost nothing."""
    tracemalloc.start()
    with pytest.raises(BadMessage):
        unpack(b"\x81\xa1a" + head)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 20_000


@pytest.mark.parametrize("depth", [5, 1000, 60_000])
def test_depth_is_bounded(depth: int) -> None:
    """Nesting ends in the refusal, not in a RecursionError."""
    with pytest.raises(BadMessage):
        unpack(b"\x81\xa1a" + b"\x91" * depth)


@pytest.mark.parametrize("value", [-1, 2**64, b"x" * 65_536, [[[[1]]]]])
def test_our_own_mistakes(value: Value) -> None:
    """What can't be read is not written."""
    with pytest.raises(ValueError, match="nested|within|more than"):
        pack({"a": value})


_TAKEN = {"number": 7, "flag": True, "octets": b"abc", "text": "attic"}


def test_fields_taken() -> None:
    """Each with its type; what nobody takes is ignored."""
    fields = Fields.parse(pack({**_TAKEN, "of a newer version": [1, {"x": None}]}))

    assert 7 == fields.number("number")
    assert fields.flag("flag")
    assert b"abc" == fields.octets("octets", 1, 3)
    assert "attic" == fields.text("text", 5)
    assert (9, False, b"", "") == (
        fields.number("none", default=9),
        fields.flag("none"),
        fields.octets("none", 1, 3, default=b""),
        fields.text("none", 5),
    )


@given(values())
def test_fields_of_another_type(value: Value) -> None:
    """A field is what was asked for, or refused."""
    fields = Fields({"field": value})

    for take, wanted in (
        (lambda: fields.number("field", last=100), int),
        (lambda: fields.flag("field"), bool),
        (lambda: fields.octets("field", 1, 8, default=b""), bytes),
        (lambda: fields.text("field", 8), str),
    ):
        try:
            assert type(take()) is wanted
        except BadMessage:
            continue


@pytest.mark.parametrize("text", ["\x1b[2J", "a\nb", "\u202eabc", "123456"])
def test_text_is_safe_to_print(text: str) -> None:
    """No controls, no line ends, no turning of the direction, not too long."""
    with pytest.raises(BadMessage):
        Fields({"text": text}).text("text", 5)


@given(addresses(), contacts(), st.binary(max_size=5))
def test_addresses(address: Address, contact: Contact, behind: bytes) -> None:
    """Both families, and what is behind them is left for others."""
    packed = pack_address(address)
    assert (address, len(packed)) == take_address(packed + behind)
    packed = pack_contact(contact)
    assert (contact, 3 + len(packed)) == take_contact(b"xyz" + packed + behind, 3)


@given(st.binary(max_size=45), st.integers(0, 50))
def test_random_addresses(data: bytes, at: int) -> None:
    """Every input is an address or the one refusal."""
    for take in (take_address, take_contact):
        try:
            take(data, at)
        except BadMessage:
            continue


@pytest.mark.parametrize(
    "host, port",
    [
        (bytes(4), 1),
        (b"\xff" * 4, 1),
        (b"\xe0\0\0\1", 1),
        (b"\x7f\0\0\1", 0),
        (bytes(16), 1),
        (b"\xff\x02" + bytes(13) + b"\1", 1),
        (bytes(10) + b"\xff\xff\x7f\0\0\1", 1),
    ],
)
def test_addresses_of_nobody(host: bytes, port: int) -> None:
    """Nobody can be made to send to a group, to everybody, or to an IPv4 address in disguise."""
    family = 4 if len(host) == 4 else 6

    with pytest.raises(BadMessage):
        take_address(struct.pack(">B", family) + host + struct.pack(">H", port))


def _value_or_refusal(data: bytes) -> None:
    try:
        fields = unpack(data)
    except BadMessage:
        return
    assert fields == unpack(pack(fields))
