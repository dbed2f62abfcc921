"""Makes renditions: the pipeline, as a list of steps. Synchronous; knows no reactor."""

from pathlib import Path
from typing import Final

from PIL import Image

from reticulum.errors import BeyondLimits
from reticulum.imaging.geometry import Plan, Window, check_result, plan
from reticulum.imaging.limits import Limits
from reticulum.imaging.opening import Opened, opened
from reticulum.imaging.spec import quality
from reticulum.imaging.steps import animate, entropy, frames, load, write
from reticulum.imaging.steps.colour import to_srgb
from reticulum.imaging.steps.depth import to_eight_bits
from reticulum.imaging.steps.encode import encode
from reticulum.imaging.steps.flatten import onto_white
from reticulum.imaging.steps.orient import stored_size, stored_window, upright
from reticulum.imaging.steps.pad import onto_canvas
from reticulum.imaging.steps.scale import crop_and_scale
from reticulum.imaging.steps.task import Task
from reticulum.model import Entropy, Format, Spec

STEPS: Final = (
    to_eight_bits,  # before scaling: palettes and 16 bits cannot be filtered
    crop_and_scale,
    upright,  # after scaling: few pixels to turn
    to_srgb,  # after scaling: few pixels to convert
    onto_canvas,
    onto_white,
)
"""What happens to every frame between decoding and encoding, in this order."""


def render(source: Path, spec: Spec, output: Format, target: Path, limits: Limits) -> None:
    """
    Write one rendition of *source* to *target*, which must not exist yet.

    Raises:
        NotAnImage: Of no type we read.
        DamagedImage: Cannot be decoded.
        BeyondLimits: The source, the result, or the memory it takes.
        NoSpace: The disk is full; *target* is gone again.
    """
    with opened(source, limits) as found:
        data = _rendition(found, spec, output, limits)
    if len(data) > limits.output_bytes:
        raise BeyondLimits(
            f"the result has {len(data)} bytes, this node makes at most {limits.output_bytes}"
        )
    write.exclusively(target, data)


def _rendition(found: Opened, spec: Spec, output: Format, limits: Limits) -> bytes:
    displayed = found.facts.size
    wanted = plan(displayed, spec)
    check_result(wanted.canvas, output, limits.max_output_pixels)
    shrunk = load.shrink_on_load(found.image, wanted, displayed, found.orientation)
    first = frames.first(found)
    if isinstance(spec.gravity, Entropy):
        at = entropy.anchor(first, found.orientation, displayed, wanted)
        wanted = plan(displayed, spec, at)
    task = _task(found, wanted, output, shrunk)
    if found.facts.frames > 1 and output.is_animated:
        moving = ((_through(image, task), ms) for image, ms in frames.all_of(found))
        shape = animate.Shape(
            frames=found.facts.frames,
            plays=frames.plays(found),
            has_alpha=frames.may_be_clear(found) or wanted.canvas != wanted.scaled,
        )
        return animate.encode(moving, shape, output, quality(spec, output))
    return encode(_through(first, task), output, quality(spec, output))


def _through(image: Image.Image, task: Task) -> Image.Image:
    for step in STEPS:
        image = step(image, task)
    return image


def _task(found: Opened, wanted: Plan, output: Format, shrunk: float) -> Task:
    displayed = found.facts.size
    window = stored_window(wanted.crop, displayed, found.orientation)
    return Task(
        plan=wanted,
        window=Window(
            window.left / shrunk,
            window.top / shrunk,
            window.width / shrunk,
            window.height / shrunk,
        ),
        scaled=stored_size(wanted.scaled, found.orientation),
        orientation=found.orientation,
        profile=found.image.info.get("icc_profile"),
        output=output,
    )
