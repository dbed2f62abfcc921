"""Telling the grid what this node holds: a million images in half a day, news at once."""

from reticulum.overlay.announcing.key_index import KeyIndex
from reticulum.overlay.announcing.network_size import NetworkSize
from reticulum.overlay.announcing.news import Change, News
from reticulum.overlay.announcing.piles import piles
from reticulum.overlay.announcing.region import Region, region_bits, settled_region
from reticulum.overlay.announcing.rounds import round_s
from reticulum.overlay.announcing.sweep import OwnKeys, Sweep, gap_s

__all__ = [
    "Change",
    "KeyIndex",
    "NetworkSize",
    "News",
    "OwnKeys",
    "Region",
    "Sweep",
    "gap_s",
    "piles",
    "region_bits",
    "round_s",
    "settled_region",
]
