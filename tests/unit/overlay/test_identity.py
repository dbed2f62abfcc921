"""The node key and the grid secret."""

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from reticulum.errors import UnreadableSecret
from reticulum.overlay.identity import KEY_NAME, SECRET_NAME, Identity


def test_made_once(tmp_path: Path) -> None:
    """A second start is the same node in the same grid."""
    first = Identity.create(tmp_path)
    second = Identity.create(tmp_path)

    assert (first.node_id, first.grid_secret) == (second.node_id, second.grid_secret)
    assert {KEY_NAME, SECRET_NAME} == {path.name for path in tmp_path.iterdir()}


def test_two_nodes_differ(tmp_path: Path) -> None:
    """Nobody gets another's key."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    one, other = Identity.create(tmp_path / "a"), Identity.create(tmp_path / "b")

    assert one.node_id != other.node_id
    assert one.grid_secret != other.grid_secret


def test_only_the_owner_reads(tmp_path: Path) -> None:
    """Both files have mode 0600."""
    Identity.create(tmp_path)

    assert {0o600} == {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}


def test_node_id_is_made_from_the_public_key(tmp_path: Path) -> None:
    """An id can be neither chosen nor borrowed: 20 bytes of SHA-256 of the public key."""
    identity = Identity.create(tmp_path)

    public = identity.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert hashlib.sha256(public).digest()[:20].hex() == identity.node_id


@pytest.mark.parametrize("name", [KEY_NAME, SECRET_NAME])
@pytest.mark.parametrize("text", ["", "zz", "00" * 31, "00" * 33, "\u00e9"])
def test_malformed(tmp_path: Path, name: str, text: str) -> None:
    """A damaged file is named, and never replaced by itself."""
    Identity.create(tmp_path)
    (tmp_path / name).write_text(text)

    with pytest.raises(UnreadableSecret, match=name):
        Identity.create(tmp_path)
    assert text == (tmp_path / name).read_text()


@pytest.mark.parametrize("name", [KEY_NAME, SECRET_NAME])
def test_readable_by_others(tmp_path: Path, name: str) -> None:
    """A secret that others can read is none: the error says what to run."""
    Identity.create(tmp_path)
    (tmp_path / name).chmod(0o640)

    with pytest.raises(UnreadableSecret, match="chmod 600"):
        Identity.read(tmp_path)


def test_secrets_do_not_show(tmp_path: Path) -> None:
    """Printing an identity, as a log might, prints no secret."""
    identity = Identity.create(tmp_path)

    assert identity.grid_secret.hex() not in repr(identity)
    assert "key=" not in repr(identity)
