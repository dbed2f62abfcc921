"""Whether this node is about to leave its grid."""

import attrs


@attrs.define
class Departure:
    """
    One switch, for all who have to know.

    Args:
        is_near: Whether the node hands on all it has, and takes nothing more.
    """

    is_near: bool = False
