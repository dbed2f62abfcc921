"""One lock for each 256th of the images, for the threads that change files."""

import threading

from reticulum.model import ImageId


class Locks:
    """
    Locks by the first two digits of the id.

    They are locks of threads, not of coroutines, because a thread goes on when the coroutine
    that waits for it is cancelled. Whoever holds one is running, so nobody waits for ever.
    """

    def __init__(self) -> None:
        self._locks = tuple(threading.Lock() for _ in range(256))

    def of(self, image_id: ImageId) -> threading.Lock:
        """The lock of one image's files."""
        return self.of_pair(image_id.digest[:2])

    def of_pair(self, pair: str) -> threading.Lock:
        """The lock of all images whose digest begins with these two digits."""
        return self._locks[int(pair, 16)]
