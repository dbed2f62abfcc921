"""What each part asks of the parts below it; every Protocol belongs to its caller."""

from reticulum.interfaces.console import DhtConsole, KeepingConsole
from reticulum.interfaces.grid import Copying, Members
from reticulum.interfaces.peers import (
    MOST_ASKED,
    MOST_BURIED,
    Custody,
    Doorbell,
    Holders,
    Peers,
    Sink,
)
from reticulum.interfaces.pictures import Pictures, Renderer
from reticulum.interfaces.running import Part
from reticulum.interfaces.stores import Graveyard, Hints, Incoming, Originals, Pause, Renditions

__all__ = [
    "MOST_ASKED",
    "MOST_BURIED",
    "Copying",
    "Custody",
    "DhtConsole",
    "Doorbell",
    "Graveyard",
    "Hints",
    "Holders",
    "Incoming",
    "KeepingConsole",
    "Members",
    "Originals",
    "Part",
    "Pause",
    "Peers",
    "Pictures",
    "Renderer",
    "Renditions",
    "Sink",
]
