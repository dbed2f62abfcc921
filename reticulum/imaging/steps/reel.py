"""A moving picture whose frames come from an iterator, for encoders that want to seek."""

from collections.abc import Iterator

from PIL import Image


class Reel(Image.Image):
    """
    Looks like an opened file of several frames, and holds one.

    Pillow's encoders ask for the frames in order, once; the first may be asked for again
    before the second.

    Args:
        frames: All of one size.
        count: How many there will be.
    """

    def __init__(self, frames: Iterator[Image.Image], count: int) -> None:
        super().__init__()
        self._frames = frames
        self._number = 0
        self.n_frames = count
        self.is_animated = count > 1
        self._show(next(frames))

    def seek(self, frame: int) -> None:
        """
        Go to a frame: this one, the next, or, when all are done, any.

        Raises:
            EOFError: There is no such frame.
        """
        if frame >= self.n_frames:
            raise EOFError(f"no frame {frame}")
        if frame == self._number + 1:
            self._number = frame
            self._show(next(self._frames))

    def tell(self) -> int:
        """The number of the frame that is held, from 0."""
        return self._number

    def _show(self, frame: Image.Image) -> None:
        self.im = frame.im
        self._mode = frame.mode
        self._size = frame.size
