"""
What can go wrong, as one tree.

::

    ReticulumError
    ├── RequestError              what a client sent cannot be done
    │   ├── BadRequest            malformed: the text says which part and why
    │   │   ├── BadImageId
    │   │   └── BadSpec
    │   ├── KeyMissing            an upload key is wanted and none was given
    │   ├── KeyRefused            the upload key given is not one of ours
    │   ├── UnknownImage          no original with this id is here
    │   │   ├── ImageDeleted      it was, until somebody deleted it
    │   │   └── ImageInDoubt      it is, but may have been deleted while this node was away
    │   ├── BodyTooLarge          more bytes than this node takes
    │   ├── NotAnImage            the bytes are of no type we read
    │   ├── DamagedImage          begins like an image, cannot be decoded
    │   └── BeyondLimits          sound, but larger than this node decodes or makes
    ├── NodeError                 the node cannot do it now
    │   ├── Busy                  every place in a queue is taken
    │   │   └── TooFewCopies      fewer nodes confirmed an upload than was asked for
    │   ├── OutOfTime             the deadline passed
    │   ├── NoSpace               the disk is full
    │   ├── NotTaken              a node takes no copies: read-only, leaving, or on its reserve
    │   ├── WrongAnswer           a node answered that was not asked, or nonsense
    │   └── CountersSpent         every nonce of this boot is used: nothing can be sealed any more
    ├── HolderFailed              a node gave no image: dead, slow, busy, or not who it should be
    │   ├── HolderLied            what it gave is not what was asked for
    │   └── BrokenOff             it had begun to give it
    ├── NotMapped                 a router passes no port on: silent, unwilling, or untruthful
    │   └── BadGatewayAnswer      bytes of a router that are no answer in its protocol
    ├── BadInvite                 no invite at all, or one that this version can't read
    │   └── MistypedInvite        an invite with a typing error
    ├── DatagramRefused           a datagram that must get no answer; its reason says why
    ├── BadMessage                a datagram of a member that is no message of this protocol
    ├── BadRecord                 a record that must not be believed; its fault says why
    ├── StartError                the node refuses to start
    │   ├── BadSettings           a key, a value, or an unsafe combination
    │   ├── DataInUse             another node runs on this data directory
    │   └── UnreadableSecret      a key file is missing, malformed or readable by others
    └── ClientError               the `reticulum` command could not do its work

The text of every error is written for the person who caused it: what was wrong, with
which value, and what to do. Secrets and paths of this machine never stand in the text
of a `RequestError` or a `NodeError`, because those are sent to strangers.
"""

import enum


class ReticulumError(Exception):
    """Root of everything this project raises on purpose."""


class RequestError(ReticulumError):
    """What a client sent cannot be done."""


class BadRequest(RequestError):
    """Malformed: the text says which part and why."""


class BadImageId(BadRequest):
    """Not the text of an image id."""


class BadSpec(BadRequest):
    """Not a rendition this grammar knows."""


class KeyMissing(RequestError):
    """An upload key is wanted and none was given."""


class KeyRefused(RequestError):
    """The upload key given is not one of this node's."""


class UnknownImage(RequestError):
    """No original with this id is here."""


class ImageDeleted(UnknownImage):
    """It was here, until somebody deleted it; its tombstone lasts."""


class ImageInDoubt(UnknownImage):
    """It lies here, but this node was away for so long that it may have been deleted meanwhile."""


class BodyTooLarge(RequestError):
    """More bytes than this node takes."""


class NotAnImage(RequestError):
    """The bytes are of no type we read."""


class DamagedImage(RequestError):
    """The bytes begin like an image but cannot be decoded."""


class BeyondLimits(RequestError):
    """A sound image that is larger than this node decodes, or a result larger than it makes."""


class NodeError(ReticulumError):
    """The node cannot do it now."""


class Busy(NodeError):
    """
    Every place in a bounded queue is taken.

    Args:
        text: What is busy.
        retry_after_s: When to try again, in whole seconds, at least 1.
    """

    def __init__(self, text: str, retry_after_s: int = 1) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class OutOfTime(NodeError):
    """The deadline passed before the work was done."""


class NoSpace(NodeError):
    """The disk is full."""


class NotTaken(NodeError):
    """A node takes no copies: it is read-only, about to leave, or down to its reserve of space."""


class TooFewCopies(Busy):
    """Fewer nodes have confirmed an upload in time than was asked for; copying goes on."""


class WrongAnswer(NodeError):
    """A node answered that was not asked, or what it answered makes no sense."""


class CountersSpent(NodeError):
    """Every nonce of this boot is used: nothing can be sealed any more."""


class HolderFailed(ReticulumError):
    """A node gave no image: dead, slow, busy, or not who it should be. Another may be asked."""


class HolderLied(HolderFailed):
    """What a node gave is not what was asked for."""


class BrokenOff(HolderFailed):
    """A node had begun to give an image: it may go on by another way."""


class NotMapped(ReticulumError):
    """A router does not pass a port on to this node: it is silent, unwilling, or untruthful."""


class BadGatewayAnswer(NotMapped):
    """Bytes from a router that are no answer in the protocol it was asked in."""


class BadInvite(ReticulumError):
    """
    No invite at all, or one that this version can't read.

    The text never holds more than one character of the invite: its secret must not reach a log.
    """


class MistypedInvite(BadInvite):
    """
    An invite with a typing error.

    Args:
        text: What is wrong.
        position: Of the wrong character in the text as it was given, from 1; None if that
            can't be told.
    """

    def __init__(self, text: str, position: int | None = None) -> None:
        super().__init__(text)
        self.position = position


class Refusal(enum.Enum):
    """Why a datagram is refused; every value is a text for the log."""

    FOREIGN = "sealed by another grid, or no datagram of ours at all"
    SHORT = "too short to be sealed"
    LONG = "longer than a datagram may be"
    VERSION = "sealed in a version of the protocol that this node does not speak"
    FORGED = "not sealed with the grid's key, or damaged on its way"
    ECHO = "sealed by this very node"
    REPLAYED = "received before"
    OLD = "too old to know whether it was received before"
    AHEAD = "the sender's clock is ahead of ours"
    BEHIND = "the sender's clock is behind ours, or this is a recording"
    MISDIRECTED = "sealed for another node"


class DatagramRefused(ReticulumError):
    """
    A datagram that must get no answer, not a single byte.

    Args:
        reason: Why.
        clock_off_ms: Sender's clock minus ours, in ms; for `Refusal.AHEAD` and
            `Refusal.BEHIND`, and where it was known for `Refusal.OLD`.
    """

    def __init__(self, reason: Refusal, clock_off_ms: int | None = None) -> None:
        # No super().__init__(): Exception.__new__ has the arguments, and strangers decide how
        # often this is made.
        self.reason = reason
        self.clock_off_ms = clock_off_ms

    def __str__(self) -> str:
        # Put together only when it is read: a flood of strangers must stay cheap.
        if self.clock_off_ms is None:
            return self.reason.value
        return f"{self.reason.value} (stamp minus our clock: {self.clock_off_ms / 1000:+.3f} s)"


class BadMessage(ReticulumError):
    """A datagram of a member that is no message of this protocol, or not of its version."""


class RecordFault(enum.IntEnum):
    """Why a record is not believed or not kept; the number is what messages carry."""

    MALFORMED = 1
    EXPIRED = 2
    NOT_YET_VALID = 3
    TOO_LONG_LIVED = 4
    WRONG_SPEAKER = 5
    BAD_SIGNATURE = 6
    OUTDATED = 7
    NO_ROOM = 8
    NO_TOKEN = 9


class BadRecord(ReticulumError):
    """
    A record that must not be believed, or that is not kept.

    Args:
        fault: Why.
    """

    def __init__(self, fault: RecordFault) -> None:
        # As with DatagramRefused: strangers decide how often this is made.
        self.fault = fault

    def __str__(self) -> str:
        return f"record refused: {self.fault.name.lower().replace('_', ' ')}"


class StartError(ReticulumError):
    """The node refuses to start."""


class BadSettings(StartError):
    """A key, a value, or a combination of them that cannot be used."""


class DataInUse(StartError):
    """Another node runs on this data directory."""


class UnreadableSecret(StartError):
    """A key file is missing, malformed, or readable by others."""


class ClientError(ReticulumError):
    """The `reticulum` command could not do its work."""
