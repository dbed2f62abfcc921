"""The composition root: the one place where concrete classes meet."""

from reticulum.assembly.http import Door, Verbs, door_to, verbs_on
from reticulum.assembly.node import CONTROL_NAME, data_directory, node_service

__all__ = ["CONTROL_NAME", "Door", "Verbs", "data_directory", "door_to", "node_service", "verbs_on"]
