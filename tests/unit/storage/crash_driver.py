"""
A program for `test_crash.py`: kill a storing process at each line of its code, then restart.

Each line has its turn the first two times it is reached: for the first image and the next.

Prints how many lines there were to die at; any broken promise ends it with a traceback.
"""

import functools
import hashlib
import itertools
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import FrameType
from typing import Any

from twisted.internet import defer

from reticulum.model import (
    Facts,
    Format,
    HashName,
    ImageId,
    NodeId,
    Original,
    Rendition,
    Size,
    Tombstone,
)
from reticulum.storage import layout
from reticulum.storage.doubt import Doubt
from reticulum.storage.graveyard import GraveyardOnDisk
from reticulum.storage.hints import HintsOnDisk
from reticulum.storage.originals import OriginalsOnDisk
from reticulum.storage.renditions import RenditionsOnDisk

FACTS = Facts(format=Format.PNG, size=Size(1, 1), frames=1)
CONTENTS = [b"first picture", b"second one"]
NOW = 1.7e9
CREDITOR = NodeId(b"c" * 20)
STORAGE = "/reticulum/storage/"


async def inspect(path: Path) -> Facts:
    raise AssertionError(f"a sidecar is missing: {path}")


def originals_in(data: Path) -> OriginalsOnDisk:
    return OriginalsOnDisk(
        data, inspect=inspect, now=lambda: 1.7e9, in_thread=defer.execute, fsync=lambda _: None
    )


def renditions_in(data: Path) -> RenditionsOnDisk:
    return RenditionsOnDisk(
        data, max_bytes=20, stamp="new", now=lambda: 1.7e9, in_thread=defer.execute
    )


def id_of(content: bytes) -> ImageId:
    return ImageId(HashName.SHA256, hashlib.sha256(content).hexdigest())


def say(pipe: int, text: str) -> None:
    os.write(pipe, f"{text}\n".encode())


def run(work: Coroutine[Any, Any, Any]) -> Any:
    results: list[Any] = []
    defer.Deferred.fromCoroutine(work).addBoth(results.append)
    (result,) = results
    if hasattr(result, "raiseException"):
        result.raiseException()
    return result


async def store(data: Path, say: Callable[[str], None]) -> None:
    originals = originals_in(data)
    originals.prepare()
    # Not counted here: `check` does, and it would be thousands of lines that change nothing.
    renditions = renditions_in(data)
    renditions.prepare()
    await renditions.count()
    for content in [*CONTENTS, CONTENTS[0]]:
        incoming = originals.begin(HashName.SHA256)
        incoming.write(content[:3])
        incoming.write(content[3:])
        await incoming.seal()
        original, _ = await originals.keep(incoming, FACTS)
        say(f"+{original.image_id}")
        key = Rendition(original.image_id, "200w", Format.JPG)
        made = renditions.scratch(key)
        made.write_bytes(content)
        await renditions.keep(key, made)
    say(f"?{id_of(CONTENTS[1])}")
    await originals.remove(id_of(CONTENTS[1]))
    await renditions.remove(id_of(CONTENTS[1]))
    say(f"-{id_of(CONTENTS[1])}")
    await store_promises(data, say)


def graveyard_in(data: Path, now: float = NOW) -> GraveyardOnDisk:
    return GraveyardOnDisk(data, now=lambda: now, in_thread=defer.execute, fsync=lambda _: None)


def hints_in(data: Path) -> HintsOnDisk:
    return HintsOnDisk(data, in_thread=defer.execute, fsync=lambda _: None)


def doubt_in(data: Path) -> Doubt:
    return Doubt(data, in_thread=defer.execute, fsync=lambda _: None)


def grave(content: bytes, days: int) -> Tombstone:
    return Tombstone(
        image_id=id_of(content), sequence=1, expires=int(NOW) + days * 86_400, packed=content
    )


async def store_promises(data: Path, say: Callable[[str], None]) -> None:
    graveyard, hints, doubt = graveyard_in(data), hints_in(data), doubt_in(data)
    for part in (graveyard, hints, doubt):
        part.prepare()
    for content in CONTENTS:
        await graveyard.keep([grave(content, 1), grave(content[:3], 9)])
        say(f"g{id_of(content)}")
        say(f"g{id_of(content[:3])}")
        await hints.add(CREDITOR, [id_of(content)])
        say(f"h{id_of(content)}")
    await hints.done(CREDITOR, [id_of(CONTENTS[1])])
    await doubt.begin(NOW)
    say("d")
    await doubt.clear([id_of(CONTENTS[0])])
    # A second process of the same data, and days later.
    hints_in(data).prepare()
    graveyard_in(data, NOW + 4 * 86_400).prepare()


def die_at(line: int) -> None:
    lines = itertools.count(1)
    reached: Counter[tuple[str, int]] = Counter()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if STORAGE not in frame.f_code.co_filename:
            return None
        if event == "line":
            here = (frame.f_code.co_filename, frame.f_lineno)
            reached[here] += 1
            if reached[here] <= 2 and next(lines) == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


async def check(data: Path, said: list[str]) -> None:
    originals = originals_in(data)
    originals.prepare()
    assert [] == list((data / layout.INCOMING).iterdir())
    acknowledged = {line[1:] for line in said if line[0] == "+"}
    doubtful = {line[1:] for line in said if line[0] == "?"}
    removed = {line[1:] for line in said if line[0] == "-"}
    page = {str(original.image_id): original for original in await originals.page(None, 99)}
    assert acknowledged - doubtful <= page.keys(), (acknowledged, page)
    assert not removed & page.keys()
    for original in page.values():
        content = (await originals.path(original.image_id)).read_bytes()
        assert content in CONTENTS
        assert id_of(content) == original.image_id
        assert original.length == len(content)
    await originals.count()
    files = {path for path in (data / layout.ORIGINALS).rglob("*") if path.is_file()}
    paths = {data / layout.original(original.image_id) for original in page.values()}
    sidecars = {data / layout.sidecar(original.image_id) for original in page.values()}
    assert paths | sidecars == files
    assert len(page) == originals.stock.originals
    assert sum(original.length for original in page.values()) == originals.stock.bytes
    assert not (data / layout.QUARANTINE).exists()
    await check_renditions(data)
    check_promises(data, said)


def check_promises(data: Path, said: list[str]) -> None:
    graveyard, hints, doubt = graveyard_in(data), hints_in(data), doubt_in(data)
    for part in (graveyard, hints, doubt):
        part.prepare()
    graves = {
        str(one.image_id): one
        for content in CONTENTS
        for one in (grave(content, 1), grave(content[:3], 9))
    }
    short = {str(id_of(content)) for content in CONTENTS}
    found = {str(one.image_id): one for one in graveyard.since(0, 0, 99)[0]}
    assert found.items() <= graves.items()
    missing = {line[1:] for line in said if line[0] == "g"} - found.keys()
    # Those of one day may have gone at the end; then all of them or none.
    assert missing <= short, missing
    assert not missing or "d" in said
    owed = {f"h{image_id}" for image_id in hints.of(CREDITOR, 99)}
    assert owed <= {f"h{one}" for one in short}
    assert f"h{id_of(CONTENTS[0])}" in owed or f"h{id_of(CONTENTS[0])}" not in said
    if "d" in said:
        original = Original(image_id=id_of(CONTENTS[1]), facts=FACTS, length=1, stored_at=1.0)
        assert doubt.is_doubtful(original)
    assert [] == list(data.glob("**/*.new"))


async def check_renditions(data: Path) -> None:
    renditions = renditions_in(data)
    renditions.prepare()
    await renditions.count()
    total = 0
    for content in CONTENTS:
        opened = renditions.open(Rendition(id_of(content), "200w", Format.JPG))
        if opened is not None:
            with opened[0] as body:
                assert content == body.read()
            total += len(content)
    assert total == renditions.status().bytes <= 20
    top = data / layout.RENDITIONS
    assert {".pipeline", ".scratch"} >= {p.name for p in top.iterdir() if p.name[0] == "."}
    assert [] == list((top / layout.SCRATCH).iterdir())


def main() -> None:
    top = Path(sys.argv[1])
    for line in itertools.count(1):
        data = top / str(line)
        data.mkdir()
        # Something from an earlier pipeline, so that it is on its way out as well.
        (data / "renditions/sha256/ab").mkdir(parents=True)
        (data / "renditions/sha256/ab/old").write_bytes(b"old")
        listen, tell = os.pipe()
        child = os.fork()
        if child == 0:
            die_at(line)
            run(store(data, functools.partial(say, tell)))
            os._exit(0)
        os.close(tell)
        with os.fdopen(listen) as stream:
            said = stream.read().split()
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"line {line}"
        run(check(data, said))
        shutil.rmtree(data)
        if os.WIFEXITED(status):
            print(line - 1)  # noqa: T201 - its answer
            return


if __name__ == "__main__":
    main()
