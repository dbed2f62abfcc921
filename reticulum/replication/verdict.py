"""What the copies of an image amount to, in one word for machines and one line for people."""

import enum
from collections.abc import Collection

import attrs

from reticulum.model import Contact
from reticulum.replication.health import Health


class Condition(enum.StrEnum):
    """
    How an image does.

    `WHOLE`: whoever should have it does. `SHORT`: somebody lacks it, or does not answer.
    `RECOVERABLE`: nobody who should have it does, and somebody else has it. `UNREACHABLE`: nobody
    who answers has it, and somebody who may does not answer. `LOST`: nobody has it. `DELETED`: it
    was deleted.
    """

    WHOLE = "whole"
    SHORT = "short"
    RECOVERABLE = "recoverable"
    UNREACHABLE = "unreachable"
    LOST = "lost"
    DELETED = "deleted"


@attrs.frozen
class Verdict:
    """
    The answer to "how is it?".

    Args:
        condition: In a word.
        text: For people.
    """

    condition: Condition
    text: str


def judge(health: Health, elsewhere: Collection[Contact], *, is_deleted: bool) -> Verdict:
    """
    Sum up.

    Args:
        health: Those who should have the image, and what they say.
        elsewhere: Others, who should not, and have it.
        is_deleted: Whether this node knows that it was deleted.
    """
    live = sum(copy.has for copy in health.keepers)
    silent = sum(copy.holding is None for copy in health.keepers)
    if is_deleted or (health.deleted and not live and not elsewhere):
        return Verdict(Condition.DELETED, _deleted(health))
    if health.is_whole:
        return Verdict(Condition.WHOLE, f"whole: {live} of {health.wanted} copies")
    copies = f"{live} of {health.wanted} copies"
    if live:
        if health.lacking or elsewhere:
            text = f"{copies}, repairing needed"
        elif silent:
            text = f"{copies} answer"
        else:
            text = f"{copies}: no more nodes take any"
        return Verdict(Condition.SHORT, text + _silence(silent))
    if elsewhere:
        names = ", ".join(str(contact.node_id) for contact in elsewhere)
        return Verdict(Condition.RECOVERABLE, f"recoverable from {names}{_silence(silent)}")
    if silent:
        text = "nobody who answers has it" + _silence(silent)
        return Verdict(Condition.UNREACHABLE, text)
    return Verdict(Condition.LOST, "lost, or never stored: nobody has it")


def _deleted(health: Health) -> str:
    unaware = len(health.holders)
    return f"deleted; {unaware} nodes have yet to hear of it" if unaware else "deleted"


def _silence(silent: int) -> str:
    if not silent:
        return ""
    who = "1 node that should have it does" if silent == 1 else f"{silent} that should have it do"
    return f"; {who} not answer"
