"""Which images are here, for the overlay."""

import hashlib

from reticulum.model import Facts, Format, HashName, ImageId, Key, Original, Size
from reticulum.node.stock import NodeStock


def image(number: int) -> ImageId:
    return ImageId(HashName.SHA256, hashlib.sha256(bytes([number])).hexdigest())


def original(number: int) -> Original:
    facts = Facts(format=Format.JPG, size=Size(1, 1), frames=1)
    return Original(image_id=image(number), facts=facts, length=1000, stored_at=0.0)


class Crier:
    """Records what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Key]] = []

    def announce(self, key: Key, size_class: int = 0) -> None:
        self.told.append((f"came {size_class}", key))

    def withdraw(self, key: Key) -> None:
        self.told.append(("went", key))


def test_what_was_walked_is_held() -> None:
    """The walk through the disk, done for the overlay, is what `holds` knows afterwards."""
    stock = NodeStock(lambda: [(image(n), 1000) for n in range(3)])
    assert not stock.holds(Key.of_image(image(0)))

    keys = list(stock.keys())

    assert [(Key.of_image(image(n)), 10) for n in range(3)] == keys
    assert all(stock.holds(key) for key, _ in keys)
    assert not stock.holds(Key.of_image(image(9)))


def test_changes_are_told() -> None:
    """An upload is announced at once, a deleted image withdrawn."""
    crier = Crier()
    stock = NodeStock(tuple, crier)
    key = Key.of_image(image(1))

    stock.came(original(1))
    assert stock.holds(key)
    stock.went(image(1))

    assert not stock.holds(key)
    assert [("came 10", key), ("went", key)] == crier.told


def test_a_node_without_a_grid_tells_nobody() -> None:
    """And knows what it holds all the same."""
    stock = NodeStock(tuple)
    stock.came(original(1))

    assert stock.holds(Key.of_image(image(1)))
