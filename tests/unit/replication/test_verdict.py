"""What an operator is told of the copies of an image."""

from reticulum.model import Address, Contact, Holding, ImageId, Member, NodeId, Shelf
from reticulum.replication.health import Copy, Health
from reticulum.replication.spot_check import bare_nodes
from reticulum.replication.verdict import Condition, judge

IMAGE = ImageId.parse("0" * 64)


def member(number: int, shelf: Shelf = Shelf.OPEN) -> Member:
    address = Address("127.0.0.1", 4160 + number)
    return Member(contact=Contact(NodeId(bytes([number]) * 20), address), shelf=shelf)


def health(*holdings: Holding | None, wanted: int = 3) -> Health:
    copies = [Copy(member=member(at), holding=one) for at, one in enumerate(holdings)]
    return Health(image_id=IMAGE, wanted=wanted, copies=tuple(copies))


def verdict(
    *holdings: Holding | None, elsewhere: int = 0, is_deleted: bool = False
) -> tuple[Condition, str]:
    others = [member(10 + number).contact for number in range(elsewhere)]
    told = judge(health(*holdings), others, is_deleted=is_deleted)
    return told.condition, told.text


def test_whole() -> None:
    """As many as should have it do, however they know it."""
    held, verified = Holding.HELD, Holding.VERIFIED
    assert (Condition.WHOLE, "whole: 3 of 3 copies") == verdict(held, verified, held)


def test_short() -> None:
    """Somebody lacks it, or is silent, or is not even there; each has words of its own."""
    held, absent = Holding.HELD, Holding.ABSENT
    short = Condition.SHORT
    assert (short, "2 of 3 copies, repairing needed") == verdict(held, held, absent)
    silent = "2 of 3 copies answer; 1 node that should have it does not answer"
    assert (short, silent) == verdict(held, None, held)
    both = "1 of 3 copies, repairing needed; 1 node that should have it does not answer"
    assert (short, both) == verdict(held, None, absent)
    assert (short, "1 of 3 copies: no more nodes take any") == verdict(held)


def test_gone() -> None:
    """Lost is said only if everybody who may have it has answered."""
    absent = Holding.ABSENT
    assert Condition.LOST is verdict(absent, absent, absent)[0]
    assert Condition.LOST is verdict()[0]
    assert Condition.UNREACHABLE is verdict(absent, None, absent)[0]
    condition, text = verdict(absent, absent, absent, elsewhere=1)
    assert Condition.RECOVERABLE is condition
    assert f"recoverable from {member(10).node_id}" == text


def test_deleted() -> None:
    """This node's own word counts, else that of others if nobody has it any more."""
    deleted, held, absent = Holding.DELETED, Holding.HELD, Holding.ABSENT
    assert (Condition.DELETED, "deleted") == verdict(deleted, absent, absent)
    told = verdict(held, absent, absent, is_deleted=True)
    assert (Condition.DELETED, "deleted; 1 nodes have yet to hear of it") == told
    # It was uploaded again, and one node has not heard of that yet.
    assert Condition.DELETED is not verdict(held, deleted, held)[0]


def test_a_node_that_lacks_most_is_bare() -> None:
    """One image may be on its way, and a few may be owed; most of all is another matter."""
    held, absent = Holding.HELD, Holding.ABSENT
    bare = health(held, absent, held)
    sound = health(held, held, held)
    assert [member(1).node_id] == bare_nodes([bare, bare, sound])
    assert [] == bare_nodes([bare])
    assert [] == bare_nodes([bare, bare, sound, sound])
    assert [] == bare_nodes([health(held, None, held)] * 5)
    assert [] == bare_nodes([health(Holding.DELETED, absent, absent)] * 5)
