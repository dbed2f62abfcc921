"""A file with several readers."""

import io
from pathlib import Path

from reticulum.node.shared_file import SharedFile


def test_readers_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Each has a place of its own, also when the file was moved and let go."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    shared = SharedFile.open(path)
    one, length = shared.reader()
    other, _ = shared.reader()
    assert (b"0123", b"01234", 10) == (one.read(4), other.read(5), length)
    path.unlink()
    shared.close()

    with one, other:
        assert (b"456789", b"56789") == (one.read(), other.read(100))
        assert b"" == one.read(1)


def test_seek(tmp_path: Path) -> None:
    """A range is read from where it starts."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    shared = SharedFile.open(path)
    reader, _ = shared.reader()
    shared.close()

    with reader:
        assert 7 == reader.seek(7)
        assert b"78" == reader.read(2)
        assert 8 == reader.seek(-1, io.SEEK_CUR)
        assert 10 == reader.seek(0, io.SEEK_END)


def test_nothing_stays_open(tmp_path: Path) -> None:
    """Closing the holder and every reader gives all descriptors back."""
    path = tmp_path / "file"
    path.write_bytes(b"0")
    before = len(list(Path("/proc/self/fd").iterdir()))
    shared = SharedFile.open(path)
    readers = [shared.reader()[0] for _ in range(10)]
    shared.close()
    for reader in readers:
        reader.close()
        reader.close()

    assert before == len(list(Path("/proc/self/fd").iterdir()))
