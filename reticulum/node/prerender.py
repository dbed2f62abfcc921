"""Prerender: the sizes an uploader expects to need, made before anyone asks."""

import attrs
from twisted.logger import Logger

from reticulum.errors import ReticulumError
from reticulum.imaging.spec import canonical
from reticulum.interfaces import Pictures
from reticulum.model import Original, Rendition, Spec
from reticulum.node.tasks import Tasks

_log = Logger()


@attrs.frozen(kw_only=True)
class Prerender:
    """Warm the cache in the background, one rendition after the other."""

    _pictures: Pictures
    _tasks: Tasks

    def __call__(self, original: Original, specs: list[Spec]) -> None:
        """Make *specs* of *original* in its own format; what fails is logged and left for later."""
        if specs:
            self._tasks.start("prerender", self._make(original, specs))

    async def _make(self, original: Original, specs: list[Spec]) -> None:
        output = original.facts.format
        for spec in specs:
            rendition = Rendition(original.image_id, canonical(spec, output), output)
            try:
                picture = await self._pictures(rendition, spec)
            except ReticulumError as error:
                _log.info(
                    "prerender.left image={image} reason={reason}",
                    image=original.image_id,
                    reason=str(error),
                )
            else:
                picture.body.close()
