"""At least twenty photographs of 2560x1600, from two Debian packages that hold wallpapers."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from environment import WORK, unpacked
from PIL import Image, ImageOps
from results import Unavailable

PACKAGES = ("mate-backgrounds", "plasma-workspace-wallpapers")
SIZE = (2560, 1600)
ENOUGH = 20
MARKER_LIMIT = 0xFFFF


def photographs() -> list[Path]:
    """
    JPEG files of exactly 2560x1600, each another picture, in a fixed order.

    Pictures that come in this size are copied byte for byte; larger ones are cropped to the
    shape, scaled and saved once at quality 92. Drawings, which come as PNG, are left out.

    Raises:
        Unavailable: The packages could not be had, or hold too few.
    """
    folder = WORK / "photos"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, source in sorted(_largest(_candidates())):
            _place(source, folder / f"{name}.jpg")
        (folder / "complete").touch()
    found = sorted(folder.glob("*.jpg"))
    if len(found) < ENOUGH:
        raise Unavailable(
            f"only {len(found)} photographs in {', '.join(PACKAGES)}: delete {folder}"
        )
    return found


def distinct(photo: bytes, number: int) -> bytes:
    """The same photograph as another file: a comment with *number* behind the JPEG's start."""
    text = f"benchmark {number}".encode()
    length = len(text) + 2
    if photo[:2] != b"\xff\xd8" or length > MARKER_LIMIT:
        raise ValueError("not a JPEG file, or too long a comment")
    return b"\xff\xd8\xff\xfe" + length.to_bytes(2, "big") + text + photo[2:]


def large_image(path: Path, size: tuple[int, int] = (7000, 5000)) -> Path:
    """A BMP file of noise, about 105 MB; written once."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = Image.effect_noise(size, 90)
        Image.merge("RGB", (noise, noise, noise)).save(path, "BMP")
    return path


def _candidates() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        tree = unpacked(package)
        for path in sorted(tree.rglob("*.jp*g")):
            if path.is_symlink() or not path.is_file():
                continue
            with Image.open(path) as image:
                if image.width >= SIZE[0] and image.height >= SIZE[1]:
                    yield _name(path), path


def _name(path: Path) -> str:
    """Name of the picture: KDE keeps sizes in a folder a picture, MATE names them in the file."""
    if "contents" in path.parts:
        picture = path.parts[path.parts.index("contents") - 1]
    else:
        picture = re.sub(r"_\d+x\d+$", "", path.stem)
    return re.sub(r"[^a-z0-9]+", "-", picture.lower())


def _largest(candidates: Iterator[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """One file a picture: that of the wanted size, or the largest."""
    best: dict[str, tuple[tuple[bool, int], Path]] = {}
    for name, path in candidates:
        with Image.open(path) as image:
            rank = (image.size == SIZE, image.width * image.height)
        if name not in best or rank > best[name][0]:
            best[name] = (rank, path)
    return [(name, path) for name, (_, path) in best.items()]


def _place(source: Path, target: Path) -> None:
    with Image.open(source) as image:
        if image.size == SIZE:
            shutil.copyfile(source, target)
            return
        fitted = ImageOps.fit(image.convert("RGB"), SIZE, Image.Resampling.LANCZOS)
    fitted.save(target, "JPEG", quality=92)
