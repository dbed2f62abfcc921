"""
Named fields as bytes: a small, strict part of msgpack, read and written by hand.

::

    bytes                     value
    00-7f, cc n, cd nn, ce n*4, cf n*8     whole number, 0 to 2^64 - 1
    c0, c2, c3                             nothing, false, true
    c4 n .., c5 nn ..                      bytes
    a0-bf .., d9 n .., da nn ..            text, UTF-8
    90-9f .., dc nn ..                     list
    80-8f .., de nn ..                     map from text to value, no name twice

No floats, no negative numbers, no extension types, nothing nested deeper than `DEEPEST`. Every
length and count is held against the bytes that are left before anything is made of it. Any msgpack
library reads what is written here; umsgpack, which comes with rpcudp, needs 14 times as long and
bounds neither depth nor counts.

Source: the msgpack specification, https://github.com/msgpack/msgpack/blob/master/spec.md.
"""

from collections.abc import Mapping
from typing import TypeAlias

from reticulum.errors import BadMessage

Value: TypeAlias = "bool | int | bytes | str | list[Value] | dict[str, Value] | None"

LONGEST_NAME = 24
MOST_FIELDS = 32
DEEPEST = 4
"""Containers inside each other, the outermost map counted."""

_NIL, _FALSE, _TRUE = 0xC0, 0xC2, 0xC3
_BIN8, _BIN16 = 0xC4, 0xC5
_UINT8, _UINT16, _UINT32, _UINT64 = 0xCC, 0xCD, 0xCE, 0xCF
_STR8, _STR16 = 0xD9, 0xDA
_ARRAY16, _MAP16 = 0xDC, 0xDE
_FIXMAP, _FIXARRAY, _FIXSTR = 0x80, 0x90, 0xA0
_FIXSTR_END = 0xC0
_UINTS = {_UINT8: 1, _UINT16: 2, _UINT32: 4, _UINT64: 8}
_LENGTHS = {_BIN8: 1, _STR8: 1, _BIN16: 2, _STR16: 2, _ARRAY16: 2, _MAP16: 2}
_CONSTANTS = {_NIL: None, _FALSE: False, _TRUE: True}
_WORD = 1 << 16


def pack(fields: Mapping[str, Value]) -> bytes:
    """
    Write named fields, in the order of the mapping.

    Raises:
        ValueError: A value is outside what the format holds; our own mistake.
    """
    out = bytearray()
    _write(out, dict(fields), 1)
    return bytes(out)


def unpack(data: bytes) -> dict[str, Value]:
    """
    Read named fields.

    Raises:
        BadMessage: The bytes are not one map of this format, from first to last.
    """
    first = data[0] if data else 0
    if not (_FIXMAP <= first < _FIXARRAY or first == _MAP16):
        raise BadMessage("no map of named fields")
    value, end = _read(data, 0, 1)
    if end != len(data) or not isinstance(value, dict):
        raise BadMessage("bytes behind the fields")
    return value


def _write(out: bytearray, value: Value, depth: int) -> None:
    if isinstance(value, bytes):
        _head(out, len(value), (_BIN8, _BIN16))
        out += value
    elif value is None or isinstance(value, bool):
        out.append(_NIL if value is None else _TRUE if value else _FALSE)
    elif isinstance(value, int):
        _write_number(out, value)
    elif isinstance(value, str):
        encoded = value.encode()
        _head(out, len(encoded), (_STR8, _STR16), _FIXSTR, _FIXSTR_END)
        out += encoded
    elif depth > DEEPEST:
        raise ValueError(f"nested deeper than {DEEPEST}")
    elif isinstance(value, list):
        _head(out, len(value), (None, _ARRAY16), _FIXARRAY, _FIXSTR)
        for item in value:
            _write(out, item, depth + 1)
    else:
        _head(out, len(value), (None, _MAP16), _FIXMAP, _FIXARRAY)
        for name, item in value.items():
            _write(out, name, depth)
            _write(out, item, depth + 1)


def _write_number(out: bytearray, number: int) -> None:
    if 0 <= number < _FIXMAP:
        out.append(number)
        return
    for code, width in _UINTS.items():
        if 0 <= number < 1 << 8 * width:
            out.append(code)
            out += number.to_bytes(width)
            return
    raise ValueError(f"{number} is not within 0 to 2^64 - 1")


def _head(
    out: bytearray, length: int, codes: tuple[int | None, int], fix: int = 0, end: int = 0
) -> None:
    byte, word = codes
    if length < end - fix:
        out.append(fix + length)
    elif byte is not None and length < 1 << 8:
        out += bytes((byte, length))
    elif length < _WORD:
        out.append(word)
        out += length.to_bytes(2)
    else:
        raise ValueError(f"{length} bytes or items are more than a field holds")


def _read(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    if at >= len(data):
        raise BadMessage("cut off")
    code = data[at]
    at += 1
    if code < _FIXMAP:
        return code, at
    if code in _UINTS:
        end = at + _UINTS[code]
        if end > len(data):
            raise BadMessage("a number is cut off")
        return int.from_bytes(data[at:end]), end
    if code in _CONSTANTS:
        return _CONSTANTS[code], at
    return _read_sized(data, *_size(data, code, at), depth)


def _read_sized(data: bytes, kind: int, length: int, at: int, depth: int) -> tuple[Value, int]:
    # Every byte, every item and both halves of every pair need at least one byte.
    if length * (2 if kind == _MAP16 else 1) > len(data) - at:
        raise BadMessage("longer than the bytes that are left")
    end = at + length
    if kind == _BIN16:
        return data[at:end], end
    if kind == _STR16:
        return _text(data[at:end]), end
    if depth > DEEPEST:
        raise BadMessage(f"nested deeper than {DEEPEST}")
    if kind == _MAP16:
        return _read_map(data, length, at, depth)
    items: list[Value] = []
    for _ in range(length):
        item, at = _read(data, at, depth + 1)
        items.append(item)
    return items, at


def _size(data: bytes, code: int, at: int) -> tuple[int, int, int]:
    """Kind (the code of its 16-bit form), length, and where the content begins."""
    if code < _FIXARRAY:
        return _MAP16, code - _FIXMAP, at
    if code < _FIXSTR:
        return _ARRAY16, code - _FIXARRAY, at
    if code < _FIXSTR_END:
        return _STR16, code - _FIXSTR, at
    width = _LENGTHS.get(code)
    if width is None:
        raise BadMessage(f"type {code:#04x} is not used here")
    if at + width > len(data):
        raise BadMessage("a length is cut off")
    kind = code + 1 if width == 1 else code
    return kind, int.from_bytes(data[at : at + width]), at + width


def _read_map(data: bytes, count: int, at: int, depth: int) -> tuple[Value, int]:
    if count > MOST_FIELDS:
        raise BadMessage(f"more than {MOST_FIELDS} fields")
    fields: dict[str, Value] = {}
    for _ in range(count):
        name, at = _read(data, at, depth)
        if not isinstance(name, str) or len(name) > LONGEST_NAME or name in fields:
            raise BadMessage("a field's name is no short text, or stands there twice")
        fields[name], at = _read(data, at, depth + 1)
    return fields, at


def _text(encoded: bytes) -> str:
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        raise BadMessage("a text is not UTF-8") from None
