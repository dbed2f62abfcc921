"""A peer-to-peer image and thumbnail server."""

__version__ = "0.1.0"
