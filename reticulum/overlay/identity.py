"""The node key and the grid secret: made once, kept in files that only their owner reads."""

import hashlib
import os
from pathlib import Path
from typing import Self

import attrs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from reticulum.errors import UnreadableSecret

KEY_NAME = "node.key"
SECRET_NAME = "grid.secret"  # noqa: S105  (the name of the file, not what is in it)
_SEED_BYTES = 32


@attrs.frozen
class Identity:
    """
    Who this node is and which grid it belongs to.

    Args:
        node_id: First 20 bytes of SHA-256 of the public key, as 40 hexadecimal digits.
        key: Ed25519 private key.
        grid_secret: 32 random bytes, the same on every node of the grid.
    """

    node_id: str
    key: Ed25519PrivateKey = attrs.field(repr=False)
    grid_secret: bytes = attrs.field(repr=False)

    @classmethod
    def create(cls, data: Path) -> Self:
        """
        Make what is missing in *data*, then read it.

        Raises:
            UnreadableSecret: See `read`.
        """
        for name in (KEY_NAME, SECRET_NAME):
            _write_once(data / name, os.urandom(_SEED_BYTES))
        return cls.read(data)

    @classmethod
    def read(cls, data: Path) -> Self:
        """
        Read both files.

        Raises:
            UnreadableSecret: A file is missing, not 64 hexadecimal digits, or open to others.
        """
        key = Ed25519PrivateKey.from_private_bytes(_read_secret(data / KEY_NAME))
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        node_id = hashlib.sha256(public).hexdigest()[:40]
        return cls(node_id, key, _read_secret(data / SECRET_NAME))


def _write_once(path: Path, secret: bytes) -> None:
    try:
        # A name of its own and then a link: a crash half-way leaves no short key behind.
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret.hex().encode() + b"\n")
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        finally:
            draft.unlink()
    except OSError as error:
        raise UnreadableSecret(f"can't write {path}: {error.strerror}") from None


def _read_secret(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if mode & 0o077:
            raise UnreadableSecret(
                f"{path} can be read by others (mode {mode & 0o777:o}); run: chmod 600 {path}"
            )
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableSecret(f"can't read {path}: {error}") from None
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != _SEED_BYTES:
        raise UnreadableSecret(
            f"{path} must hold {2 * _SEED_BYTES} hexadecimal digits; restore it from a backup, "
            "or remove it to get a new one"
        )
    return secret
