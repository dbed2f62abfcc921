"""The composition root: the one place where concrete classes meet."""

from reticulum.assembly.http import Door, Verbs, door_to, verbs_on
from reticulum.assembly.node import CONTROL_NAME, node_service

__all__ = ["CONTROL_NAME", "Door", "Verbs", "door_to", "node_service", "verbs_on"]
