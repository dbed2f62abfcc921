"""thumbor as the yardstick: two processes, reading the same photographs from a folder."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import environment
from processes import free_port, serving

PROCESSES = 2


@dataclasses.dataclass(frozen=True)
class Thumbor:
    """Running instances; `servers` are their URLs."""

    servers: tuple[str, ...]

    @staticmethod
    def path(photo: Path, width: int) -> str:
        """Path of a rendition."""
        return f"/unsafe/{width}x0/{photo.name}"


@contextlib.contextmanager
def thumbor(
    photos: Path, scratch: Path, *, as_installed: bool = False, keep_results: bool = False
) -> Iterator[Thumbor]:
    """
    Run thumbor with two processes until the block ends.

    As installed it is `thumbor --processes 2` with its own defaults: progressive JPEG, and a copy
    of every original in its file storage. Both processes accept from one socket, and how four
    kept connections fall to them is luck: when one gets them all, the rate is half.

    At its best it is two instances with half of the connections each, baseline JPEG as everyone
    else writes here, and no copies.

    Args:
        photos: Folder of originals, read by its file loader, so that no fetch is counted.
        scratch: For its configuration, logs and results.
        as_installed: Which of the two.
        keep_results: Whether finished renditions are kept (its file result storage). As
            installed, they are not.

    Raises:
        Unavailable: It could not be installed or started.
    """
    program = environment.thumbor()
    scratch.mkdir(parents=True, exist_ok=True)
    configuration = scratch / "thumbor.conf"
    configuration.write_text(
        _configuration(photos, scratch, as_installed=as_installed, keep_results=keep_results),
        "utf-8",
    )
    with contextlib.ExitStack() as stack:
        servers = []
        for number in range(1 if as_installed else PROCESSES):
            port = free_port()
            url = f"http://127.0.0.1:{port}"
            words = [program, "--ip", "127.0.0.1", "--port", str(port), "--conf", configuration]
            words += ["--processes", str(PROCESSES)] if as_installed else []
            log = scratch / f"thumbor-{number}.log"
            stack.enter_context(serving(words, f"{url}/healthcheck", log, cwd=scratch))
            servers.append(url)
        yield Thumbor(tuple(servers))


def _configuration(photos: Path, scratch: Path, *, as_installed: bool, keep_results: bool) -> str:
    lines = [
        "LOADER = 'thumbor.loaders.file_loader'",
        f"FILE_LOADER_ROOT_PATH = {str(photos)!r}",
        f"FILE_STORAGE_ROOT_PATH = {str(scratch / 'storage')!r}",
        "QUALITY = 80",  # its default, said because it is compared
    ]
    if not as_installed:
        lines += ["STORAGE = 'thumbor.storages.no_storage'", "PROGRESSIVE_JPEG = False"]
    if keep_results:
        lines += [
            "RESULT_STORAGE = 'thumbor.result_storages.file_storage'",
            f"RESULT_STORAGE_FILE_STORAGE_ROOT_PATH = {str(scratch / 'results')!r}",
            "RESULT_STORAGE_STORES_UNSAFE = True",
        ]
    return "\n".join(lines) + "\n"
