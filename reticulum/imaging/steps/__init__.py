"""The steps from a decoded picture to a rendition, one a module."""
