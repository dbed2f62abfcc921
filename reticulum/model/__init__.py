"""The values that the rest of the project passes around: frozen, checked at birth, free of I/O."""

from reticulum.model.copies import Holding, Member, Shelf, Spreading, Tombstone, Write
from reticulum.model.ids import HashName, ImageId
from reticulum.model.images import Facts, Original, Picture, Receipt, Rendition, fields_of
from reticulum.model.peers import Address, Contact, Key, NodeId
from reticulum.model.pictures import Compass, Entropy, Fit, FocalPoint, Format, Gravity, Size, Spec

__all__ = [
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
]
