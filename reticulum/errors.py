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
    │   ├── BodyTooLarge          more bytes than this node takes
    │   ├── NotAnImage            the bytes are of no type we read
    │   ├── DamagedImage          begins like an image, cannot be decoded
    │   └── BeyondLimits          sound, but larger than this node decodes or makes
    ├── NodeError                 the node cannot do it now
    │   ├── Busy                  every place in a queue is taken
    │   ├── OutOfTime             the deadline passed
    │   └── NoSpace               the disk is full
    ├── StartError                the node refuses to start
    │   ├── BadSettings           a key, a value, or an unsafe combination
    │   ├── DataInUse             another node runs on this data directory
    │   └── UnreadableSecret      a key file is missing, malformed or readable by others
    └── ClientError               the `reticulum` command could not do its work

The text of every error is written for the person who caused it: what was wrong, with
which value, and what to do. Secrets and paths of this machine never stand in the text
of a `RequestError` or a `NodeError`, because those are sent to strangers.
"""


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
