"""What is started and stopped."""

from typing import Protocol


class Part(Protocol):
    """Something a node starts and stops."""

    async def start(self) -> None:
        """
        Begin.

        Raises:
            ReticulumError: It can't; the node then stops what it has started.
        """

    async def stop(self) -> None:
        """End, leaving nothing running. Called only after `start` was."""
