"""The composition root: the one place where concrete classes meet."""

from reticulum.assembly.http import Door, Verbs, door_to, verbs_alone
from reticulum.assembly.node import data_directory, node_service

__all__ = [
    "Door",
    "Verbs",
    "data_directory",
    "door_to",
    "node_service",
    "verbs_alone",
]
