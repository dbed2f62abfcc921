"""The script of a demo: words parted by commas, read into steps."""

import enum
from typing import Self

import attrs

DEFAULT = "upload, heal, kill, heal, check, revive, heal"
DEFAULT_ALONE = "upload, heal, kill, revive, heal, check"
"""Of a grid of one node: nobody is left to heal anything while it is down."""


class Word(enum.StrEnum):
    """What a step does."""

    UPLOAD = "upload"
    DELETE = "delete"
    KILL = "kill"
    REVIVE = "revive"
    WIPE = "wipe"
    HEAL = "heal"
    CHECK = "check"
    WAIT = "wait"


@attrs.frozen
class Step:
    """
    One thing to do.

    Args:
        word: What.
        number: How many images, how many seconds, or which node; None if that was not said.
    """

    word: Word
    number: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read a word, with or without a number behind it.

        Raises:
            ValueError: It is something else; the text says what is possible.
        """
        word, *rest = text.split() or [""]
        is_known = word in set(Word)
        if not is_known or len(rest) > 1 or not all(_is_number(one) for one in rest):
            raise ValueError(
                f"{text.strip()[:40]!r} is no step: a step is {', '.join(Word)}, "
                "with or without a number behind it"
            )
        return cls(Word(word), int(rest[0]) if rest else None)


def parse(text: str) -> tuple[Step, ...]:
    """
    Read a whole script.

    Raises:
        ValueError: A step of it can't be read.
    """
    return tuple(Step.parse(part) for part in text.split(","))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 6  # noqa: PLR2004  (days)
