"""Whether the node serves."""

import attrs


@attrs.define
class Readiness:
    """A part that is the last to start and the first to stop: between the two, the node serves."""

    _ready: bool = False

    def reason(self) -> str | None:
        """Why the node can't serve now; None if it can."""
        return None if self._ready else "the node is starting or stopping"

    async def start(self) -> None:
        """Every other part is up."""
        self._ready = True

    async def stop(self) -> None:
        """The others are about to go."""
        self._ready = False
