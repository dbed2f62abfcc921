"""Puts white behind transparent pixels, for formats without alpha."""

from PIL import Image

from reticulum.imaging.steps.task import Task


def onto_white(image: Image.Image, task: Task) -> Image.Image:
    """The picture without alpha, if its format has none; else as it is."""
    if task.output.has_alpha or "A" not in image.getbands():
        return image
    mode = image.mode[:-1]
    made = Image.new(mode, image.size, 255 if mode == "L" else (255, 255, 255))
    made.paste(image.convert(mode), mask=image.getchannel("A"))
    return made
