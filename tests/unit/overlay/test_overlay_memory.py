"""What is remembered over a restart, and the file it is in."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from unit.overlay.fake_grid import key_of
from unit.overlay.lookup_network import contact

from reticulum.overlay.freshness import Saved
from reticulum.overlay.memory import MOST_PEERS, Memory, NotReadable
from reticulum.overlay.notebook import NotebookFile

WHOLE = Memory(
    peers=(Saved(contact(5), 17.5), Saved(contact(6), 3.0)),
    sequence=2**60,
    sweep=(key_of("x").number, 12.25),
)


def here(work: Any, /, *args: Any, **kwargs: Any) -> Deferred[Any]:
    return succeed(work(*args, **kwargs))


def test_what_is_written_is_read() -> None:
    """To the bit."""
    assert WHOLE == Memory.read(WHOLE.text())
    assert Memory() == Memory.read(Memory().text())


def test_it_is_bounded() -> None:
    """However large the table."""
    many = Memory(peers=tuple(Saved(contact(n), 0.0) for n in range(1, MOST_PEERS + 100)))
    assert MOST_PEERS == len(Memory.read(many.text()).peers)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["version", "peers", "records", "sweep", "sequence"]), inner
            )
        ),
        max_leaves=20,
    )
)
def test_anything_else_is_not_readable(written: Any) -> None:
    """Any JSON is a memory or `NotReadable`, alone and in the place of any part."""
    for text in [
        json.dumps(written),
        *(json.dumps({**json.loads(WHOLE.text()), part: written}) for part in ("peers", "records")),
        *(
            json.dumps({**json.loads(WHOLE.text()), part: written})
            for part in ("sweep", "sequence")
        ),
    ]:
        with suppress(NotReadable):
            Memory.read(text)


@given(st.text(max_size=200))
def test_any_text_is_a_memory_or_not_readable(text: str) -> None:
    """Nothing else comes out of it."""
    with pytest.raises(NotReadable):
        Memory.read(text)


@pytest_twisted.ensureDeferred
async def test_the_file(tmp_path: Path) -> None:
    """Empty before the first time; replaced as a whole; for its owner only."""
    path = tmp_path / "overlay" / "overlay.json"
    notebook = NotebookFile(path, here)
    assert "" == await notebook.read()
    await notebook.write("one")
    await notebook.write("two")
    assert "two" == await notebook.read()
    assert 0o600 == path.stat().st_mode & 0o777
    assert [path] == list(path.parent.iterdir())
