"""What an operator can set: sections with their meaning, and where values come from."""

from reticulum.settings.reading import (
    COMMAND_NAMES,
    CONFIG_NAME,
    SHORT_NAMES,
    environment_name,
    read_settings,
)
from reticulum.settings.safety import refuse_unsafe
from reticulum.settings.sections import Settings, declared

__all__ = [
    "COMMAND_NAMES",
    "CONFIG_NAME",
    "SHORT_NAMES",
    "Settings",
    "declared",
    "environment_name",
    "read_settings",
    "refuse_unsafe",
]
