"""The version of everything that decides a rendition's bytes, without importing Pillow."""

from importlib.metadata import version
from typing import Final

_STEPS: Final = 2
"""Raise it with every change of a step that changes the bytes of any rendition."""

PIPELINE: Final = f"{_STEPS}-{version('Pillow')}"
"""Differs when renditions may: for ETags, and to tell cached renditions from stale ones."""
