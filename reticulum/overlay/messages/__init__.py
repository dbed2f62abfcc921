"""What nodes say to each other in sealed datagrams, as frozen values and as bytes."""

from reticulum.overlay.messages.bodies import (
    NO_PAGE,
    Body,
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
    Want,
)
from reticulum.overlay.messages.decoding import decode
from reticulum.overlay.messages.encoding import Encoded, encode
from reticulum.overlay.messages.room import LARGEST_BODY, padding_for, reply_room
from reticulum.overlay.messages.tokens import Tokens

__all__ = [
    "LARGEST_BODY",
    "NO_PAGE",
    "Body",
    "DialMe",
    "Dialling",
    "Encoded",
    "Envelope",
    "Find",
    "Found",
    "Gone",
    "Goodbye",
    "Knock",
    "Message",
    "Page",
    "Ping",
    "Pong",
    "Store",
    "Stored",
    "Tokens",
    "Want",
    "decode",
    "encode",
    "padding_for",
    "reply_room",
]
