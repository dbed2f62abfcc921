"""Asking several nodes what they hold of several images."""

from collections.abc import Mapping, Sequence
from functools import partial

from twisted.logger import Logger

from reticulum.errors import HolderFailed
from reticulum.interfaces import MOST_ASKED, Peers
from reticulum.model import Contact, Holding, ImageId, NodeId
from reticulum.replication.together import batches, together

AT_ONCE = 8
"""Nodes asked at a time."""
MOST_VERIFIED = 16
"""Images that a node is asked to read in one question: their bytes take time."""

Answers = dict[tuple[NodeId, ImageId], Holding]

_log = Logger()


async def ask(
    peers: Peers, questions: Mapping[Contact, Sequence[ImageId]], *, verify: bool = False
) -> Answers:
    """
    Ask every node in *questions* about its images.

    Args:
        peers: Asks.
        questions: Node to images.
        verify: Their bytes are to be read.

    Returns:
        What they said, by node and image; nothing of those who did not answer.
    """
    size = MOST_VERIFIED if verify else MOST_ASKED

    async def ask_one(contact: Contact, image_ids: Sequence[ImageId]) -> Answers:
        answers: Answers = {}
        for some in batches(image_ids, size):
            try:
                said = await peers.have(contact, some, verify=verify)
            except HolderFailed as error:
                _log.debug("ask.failed node={node} reason={reason}", node=contact, reason=error)
                break
            answers.update(
                {(contact.node_id, one): each for one, each in zip(some, said, strict=True)}
            )
        return answers

    works = [partial(ask_one, contact, ids) for contact, ids in questions.items()]
    merged: Answers = {}
    for answers in await together(works, most=AT_ONCE):
        merged |= answers
    return merged
