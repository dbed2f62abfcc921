"""Bytes on disk: originals for ever, renditions for as long as there is room."""
