"""Delete: an image and every rendition of it, gone."""

from collections.abc import Callable

import attrs

from reticulum.errors import UnknownImage
from reticulum.interfaces import Originals, Renditions
from reticulum.model import ImageId


@attrs.frozen(kw_only=True)
class Delete:
    """
    Remove an image for good.

    Args:
        originals: Where it is kept.
        renditions: Where its renditions are.
        went: Told of every image that is no longer here.
    """

    _originals: Originals
    _renditions: Renditions
    _went: Callable[[ImageId], None]

    async def __call__(self, image_id: ImageId) -> None:
        """
        Remove the original first: without it no rendition is served or made.

        Raises:
            UnknownImage: It is not here.
        """
        was_here = await self._originals.remove(image_id)
        self._went(image_id)
        await self._renditions.remove(image_id)
        if not was_here:
            raise UnknownImage(f"no image {image_id} is here")
