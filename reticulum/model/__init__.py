"""The values that the rest of the project passes around: frozen, checked at birth, free of I/O."""

from reticulum.model.copies import Holding, Member, Shelf, Spreading, Tombstone, Write
from reticulum.model.ids import HashName, ImageId
from reticulum.model.images import Facts, Original, Picture, Receipt, Rendition, fields_of
from reticulum.model.peers import (
    LOOPBACK,
    PRIVATE,
    PUBLIC,
    Address,
    Contact,
    Key,
    NodeId,
    reach_of,
)
from reticulum.model.pictures import Compass, Entropy, Fit, FocalPoint, Format, Gravity, Size, Spec

__all__ = [
    "LOOPBACK",
    "PRIVATE",
    "PUBLIC",
    "Address",
    "Compass",
    "Contact",
    "Entropy",
    "Facts",
    "Fit",
    "FocalPoint",
    "Format",
    "Gravity",
    "HashName",
    "Holding",
    "ImageId",
    "Key",
    "Member",
    "NodeId",
    "Original",
    "Picture",
    "Receipt",
    "Rendition",
    "Shelf",
    "Size",
    "Spec",
    "Spreading",
    "Tombstone",
    "Write",
    "fields_of",
    "reach_of",
]
