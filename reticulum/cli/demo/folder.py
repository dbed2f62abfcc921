"""The directory of a demo: made or empty at first, and gone or empty again afterwards."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reticulum.errors import ClientError


@contextmanager
def demo_folder(wanted: Path | None, *, is_kept: bool) -> Iterator[Path]:
    """
    A directory for a demo.

    Args:
        wanted: Where; None for a temporary one.
        is_kept: Whether what is in it stays.

    Raises:
        ClientError: It has something in it already, or can't be made.
    """
    try:
        was_there = wanted is not None and wanted.is_dir()
        folder = Path(tempfile.mkdtemp(prefix="reticulum-demo-")) if wanted is None else wanted
        folder.mkdir(parents=True, exist_ok=True)
        is_used = any(folder.iterdir())
    except OSError as error:
        raise ClientError(f"can't make the directory of the demo: {error.strerror}") from None
    if is_used:
        raise ClientError(f"{folder} is not empty: a demo takes a new or an empty directory")
    try:
        yield folder.absolute()
    finally:
        if not is_kept:
            _empty(folder)
            if not was_there:
                with suppress(OSError):
                    folder.rmdir()


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            # A worker that is on its way out may still take its own files away.
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
