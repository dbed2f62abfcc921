"""How long a message may be."""

from reticulum.overlay.seal import OVERHEAD_BYTES, UNFRAGMENTED_BODY_BYTES

LARGEST_BODY = UNFRAGMENTED_BODY_BYTES
"""In bytes; sealed, it fits into one packet on every path."""
MOST_AMPLIFIED = 3
"""RFC 9000, section 8.1, has the same bound for QUIC."""


def reply_room(request_bytes: int, *, proven: bool) -> int:
    """
    Say how long an answer may be, so that nobody can turn us on an address that is not theirs.

    Args:
        request_bytes: Length of the request's body, before sealing.
        proven: Whether the address is the sender's own: it sent a token that was given out to
            it, or has answered before.

    Returns:
        Bytes of the answer's body, before sealing.
    """
    if proven:
        return LARGEST_BODY
    sealed = MOST_AMPLIFIED * (request_bytes + OVERHEAD_BYTES)
    return min(LARGEST_BODY, sealed - OVERHEAD_BYTES)


def padding_for(request_bytes: int) -> int:
    """Say to how many bytes a request has to be padded for an unproven sender's full answer."""
    wanted = -(-(LARGEST_BODY + OVERHEAD_BYTES) // MOST_AMPLIFIED) - OVERHEAD_BYTES
    return max(wanted, request_bytes)
