"""Which records to believe: the clock, the speaker, the signature, each signature checked once."""

import hashlib
from collections import OrderedDict

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from reticulum.errors import BadRecord, RecordFault
from reticulum.model import NodeId
from reticulum.overlay.records.statement import Statement, check_times

_DIGEST_BYTES = 16


class Verification:
    """
    Checks records, and remembers the sound ones: one signature takes 120 us.

    Args:
        remembered: Most signatures remembered, the least recently used forgotten first; each
            is about 130 bytes.
    """

    def __init__(self, remembered: int = 16_384) -> None:
        self._remembered = remembered
        self._sound: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sound)

    def verify(self, record: Statement, now: float, speaker: NodeId | None = None) -> None:
        """
        Return if the record may be believed; cheap checks come first.

        Args:
            record: Any.
            now: Seconds since 1970.
            speaker: Whose record it has to be: the sender who stores it for itself, the node
                that was looked up; None for whoever's.

        Raises:
            BadRecord: `RecordFault` says why not.
        """
        check_times(record, now)
        if speaker is not None and record.speaker != speaker:
            raise BadRecord(RecordFault.WRONG_SPEAKER)
        if not self._is_sound(record):
            raise BadRecord(RecordFault.BAD_SIGNATURE)

    def _is_sound(self, record: Statement) -> bool:
        digest = hashlib.blake2b(record.packed, digest_size=_DIGEST_BYTES).digest()
        if digest in self._sound:
            self._sound.move_to_end(digest)
            return True
        # Unsound ones are not remembered: a flood of them would push out the sound ones.
        if not _check(record):
            return False
        self._sound[digest] = None
        if len(self._sound) > self._remembered:
            self._sound.popitem(last=False)
        return True


def _check(record: Statement) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(record.public_key)
        key.verify(record.signature, record.signed)
    except (InvalidSignature, ValueError):
        return False
    return True
