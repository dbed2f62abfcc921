"""Clients of a grid: constant reads and uploads at a fixed rate, whatever the nodes do."""

import hashlib
import io
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import attrs
from kill_client import FAILURES
from PIL import Image, ImageChops, ImageStat

SPECS = ("full", "200w", "400w")
CLIENTS = 24
LOOKED_AT = 0.05
"""Share of renditions that are decoded and compared with the original."""
MOST_DIFFERENCE = 12.0
"""Mean difference of a pixel from what Pillow makes of the original, of 255."""


class Answer(Protocol):
    """What came back."""

    @property
    def status(self) -> int:
        """Of HTTP."""

    @property
    def body(self) -> bytes:
        """All of it."""

    @property
    def json(self) -> Any:
        """The body, read as JSON."""


class Node(Protocol):
    """Whoever serves people."""

    def ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """
        Send one request.

        Raises:
            OSError, http.client.HTTPException: The node was not there to the end.
        """


class Nodes(Protocol):
    """Those that clients know of."""

    @property
    def live(self) -> Sequence[Node]:
        """At least two, at any time."""


@attrs.frozen(kw_only=True)
class Read:
    """
    One read.

    Args:
        due: When it was to be sent, monotonic seconds.
        took_s: From then to the last byte, a second try included.
        problem: What was wrong with the answer; empty if nothing was.
        is_retried: Whether the first node died in the middle.
    """

    due: float
    took_s: float
    problem: str
    is_retried: bool


@attrs.define(kw_only=True)
class Uploads:
    """
    What became of uploads.

    Args:
        acknowledged: 200 or 201, and at least two copies confirmed.
        accepted: 202.
        retried: Sent to a second node, as the first had died.
        problems: All others, with the time when each was due.
    """

    acknowledged: int = 0
    accepted: int = 0
    retried: int = 0
    problems: list[tuple[float, str]] = attrs.field(factory=list)


class Load:
    """
    Clients that each ask a node chosen at random, and once another one if that dies.

    Args:
        nodes: Whom to ask.
        picture: The bytes of the image of a number.
        folder: For what was uploaded, to compare with.
        seed: For what is chosen.
    """

    def __init__(
        self, nodes: Nodes, picture: Callable[[int], bytes], folder: Path, seed: int
    ) -> None:
        self._nodes = nodes
        self._picture = picture
        self._folder = folder
        self._dice = random.Random(seed)  # noqa: S311  (repeatable, not secret)
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(CLIENTS)
        self._over = threading.Event()
        self._drivers: list[threading.Thread] = []
        self._made = 0
        self._first_seen: dict[str, bytes] = {}
        self.acknowledged: list[str] = []
        self.reads: list[Read] = []
        self.uploads = Uploads()
        folder.mkdir(parents=True)

    def preload(self, images: int) -> None:
        """Upload so many images, and read each in every size once."""
        for done in [self._pool.submit(self._upload, time.monotonic()) for _ in range(images)]:
            done.result()
        paths = [(image_id, spec) for image_id in self.acknowledged for spec in SPECS]
        for done in [self._pool.submit(self._read_one, *path, time.monotonic()) for path in paths]:
            done.result()

    def begin(self, *, reads_per_s: float, uploads_per_s: float) -> None:
        """Send at these rates, at random moments, until `end`."""
        for rate, what in ((reads_per_s, self._read), (uploads_per_s, self._upload)):
            driver = threading.Thread(target=self._drive, args=(rate, what), daemon=True)
            self._drivers.append(driver)
            driver.start()

    def end(self) -> None:
        """Send no more, and wait for what is under way."""
        self._over.set()
        for driver in self._drivers:
            driver.join()
        self._pool.shutdown()

    def unreadable(self) -> list[str]:
        """Acknowledged images of which not every byte can be read, at a node chosen at random."""
        lost = []
        for image_id in self.acknowledged:
            answer, _ = self._ask("GET", f"/image/{image_id}/full/x.jpg")
            if problem := self._problem(answer, image_id, "full"):
                lost.append(f"{image_id}: {problem}")
        return lost

    def _drive(self, rate: float, what: Callable[[float], None]) -> None:
        due = time.monotonic()
        under_way: list[Future[None]] = []
        while True:
            with self._lock:
                due += self._dice.expovariate(rate)
            if self._over.wait(max(0.0, due - time.monotonic())):
                break
            under_way = [future for future in under_way if not future.done()]
            under_way.append(self._pool.submit(what, due))
        for future in under_way:
            future.result()

    def _read(self, due: float) -> None:
        with self._lock:
            image_id, spec = self._dice.choice(self.acknowledged), self._dice.choice(SPECS)
        self._read_one(image_id, spec, due)

    def _read_one(self, image_id: str, spec: str, due: float) -> None:
        answer, is_retried = self._ask("GET", f"/image/{image_id}/{spec}/x.jpg")
        took_s = time.monotonic() - due
        problem = self._problem(answer, image_id, spec)
        self.reads.append(Read(due=due, took_s=took_s, problem=problem, is_retried=is_retried))

    def _upload(self, due: float) -> None:
        with self._lock:
            number, self._made = self._made, self._made + 1
        image = self._picture(number)
        answer, is_retried = self._ask("POST", "/v1/images", image)
        uploads = self.uploads
        with self._lock:
            uploads.retried += is_retried
            if isinstance(answer, str) or answer.status not in {200, 201, 202}:
                uploads.problems.append((due, _told(answer)))
            elif answer.status == 202:
                uploads.accepted += 1
            elif answer.json["replicas"]["stored"] < 2:
                uploads.problems.append((due, f"success with {answer.json['replicas']}"))
            else:
                image_id = f"sha256-{hashlib.sha256(image).hexdigest()}"
                (self._folder / image_id).write_bytes(image)
                uploads.acknowledged += 1
                self.acknowledged.append(image_id)

    def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[Answer | str, bool]:
        """The answer, or why there is none; and whether a second node was asked."""
        first = self._choose(None)
        try:
            return first.ask(method, path, body), False
        except FAILURES:
            second = self._choose(first)
        try:
            return second.ask(method, path, body), True
        except FAILURES as error:
            return f"two nodes failed, the second with {error!r}", True

    def _choose(self, other_than: Node | None) -> Node:
        with self._lock:
            return self._dice.choice([node for node in self._nodes.live if node is not other_than])

    def _problem(self, answer: Answer | str, image_id: str, spec: str) -> str:
        """What is wrong with an answer; empty if it is the right picture."""
        if isinstance(answer, str) or answer.status != 200:
            return _told(answer)
        digest = hashlib.sha256(answer.body).digest()
        if spec == "full":
            return "" if image_id == f"sha256-{digest.hex()}" else "other bytes than the original's"
        # Every node makes the same bytes, so the first answer is the measure for all others.
        key = f"{image_id}/{spec}"
        if digest != self._first_seen.setdefault(key, digest):
            return "another picture than before"
        with self._lock:
            is_looked_at = self._dice.random() < LOOKED_AT
        return self._difference(answer.body, image_id, int(spec[:-1])) if is_looked_at else ""

    def _difference(self, body: bytes, image_id: str, width: int) -> str:
        with Image.open(self._folder / image_id) as original, Image.open(io.BytesIO(body)) as made:
            if made.width != width:
                return f"{made.width} px wide"
            wanted = original.convert("RGB").resize(made.size, Image.Resampling.LANCZOS)
            means = ImageStat.Stat(ImageChops.difference(wanted, made.convert("RGB"))).mean
        return "" if max(means) <= MOST_DIFFERENCE else f"another picture: {means}"


def _told(answer: Answer | str) -> str:
    return answer if isinstance(answer, str) else f"{answer.status}: {answer.body[:200]!r}"
