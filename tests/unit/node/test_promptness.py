"""What is remembered of how promptly nodes answer."""

from readers import contact
from twisted.internet.task import Clock

from reticulum.node.promptness import Promptness

ONE = contact(1).node_id


def answered_in(promptness: Promptness, clock: Clock, *times: float) -> None:
    for seconds in times:
        question = promptness.ask(ONE)
        clock.advance(seconds)
        question.answered()


def test_nobody_knows_at_first() -> None:
    """A few answers are no measure of the slowest of twenty."""
    clock = Clock()
    promptness = Promptness(clock.seconds)
    answered_in(promptness, clock, *[0.05] * 7)
    assert 0.150 == promptness.p95_s(ONE)


def test_p95() -> None:
    """Nineteen of twenty answers come within it, one does not."""
    clock = Clock()
    promptness = Promptness(clock.seconds)
    answered_in(promptness, clock, *[0.1] * 36, 0.4, 0.5, 0.9, 1.0)
    assert 0.9 == round(promptness.p95_s(ONE), 6)
    assert 0.1 == round(promptness.usual_s(ONE), 6)


def test_bounds() -> None:
    """It is between 20 ms and 2 s, whatever was measured; old measurements are forgotten."""
    clock = Clock()
    promptness = Promptness(clock.seconds)
    answered_in(promptness, clock, *[9.0] * 10)
    assert 2.0 == promptness.p95_s(ONE)
    answered_in(promptness, clock, *[0.001] * 64)
    assert 0.020 == promptness.p95_s(ONE)


def test_few_nodes_are_remembered() -> None:
    """Memory does not grow with the grid."""
    promptness = Promptness(Clock().seconds, most_nodes=3)
    for number in range(1, 9):
        promptness.ask(contact(number).node_id).answered()
    assert 3 == len(promptness)


def test_silence() -> None:
    """Who leaves questions unanswered is silent, until he is heard; giving up counts as slow."""
    clock = Clock()
    promptness = Promptness(clock.seconds)
    first, second = promptness.ask(ONE), promptness.ask(ONE)
    clock.advance(1.1)
    assert promptness.is_silent(ONE)
    first.answered()
    assert not promptness.is_silent(ONE)
    clock.advance(1.1)
    second.given_up()
    assert promptness.is_shunned(ONE)
    clock.advance(31)
    assert not promptness.is_silent(ONE)
    assert 1.1 < promptness.usual_s(ONE)


def test_given_up_early_is_no_silence() -> None:
    """A loser that was merely a bit late is not shunned."""
    clock = Clock()
    promptness = Promptness(clock.seconds)
    question = promptness.ask(ONE)
    clock.advance(0.2)
    question.given_up()
    clock.advance(5)
    assert not promptness.is_silent(ONE)


def test_failure() -> None:
    """Who failed is asked last for a moment; how quickly he failed does not count as quick."""
    clock = Clock()
    promptness = Promptness(clock.seconds)
    promptness.ask(ONE).failed()
    assert promptness.is_shunned(ONE)
    assert 0.150 == promptness.usual_s(ONE)
    clock.advance(6)
    assert not promptness.is_shunned(ONE)
