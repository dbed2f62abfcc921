"""Counts of what a node of the overlay said and heard."""

import attrs


@attrs.define
class Tally:
    """
    What was counted.

    Args:
        questions: Asked.
        answered: Of these, answered.
        served: Questions of others answered.
        dropped: Sound questions over a limit, or whose answer would be too long.
        nonsense: Datagrams of members that are no message.
    """

    questions: int = 0
    answered: int = 0
    served: int = 0
    dropped: int = 0
    nonsense: int = 0
