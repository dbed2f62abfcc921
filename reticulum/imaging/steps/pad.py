"""Lays the picture on its canvas: clear where the format can, white where it cannot."""

from PIL import Image

from reticulum.imaging.steps.task import Task

_CLEAR = {"LA": (255, 0), "RGBA": (255, 255, 255, 0)}


def onto_canvas(image: Image.Image, task: Task) -> Image.Image:
    """The picture at its place on a canvas of the plan's size."""
    canvas = (task.plan.canvas.width, task.plan.canvas.height)
    if image.size == canvas:
        return image
    if task.output.has_alpha and "A" not in image.getbands():
        image = image.convert("LA" if image.mode == "L" else "RGBA")
    white = 255 if image.mode == "L" else (255, 255, 255)
    made = Image.new(image.mode, canvas, _CLEAR.get(image.mode, white))
    made.paste(image, task.plan.offset)
    return made
