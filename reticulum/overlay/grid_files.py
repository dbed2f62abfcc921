"""The grid secrets on disk: the one in use, and beside it the next or previous of a rotation."""

import os
from collections.abc import Callable
from pathlib import Path

import attrs

from reticulum.errors import BadSettings, UnreadableSecret
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.grid_keys import SECRET_BYTES, GridKeys, KeyRing
from reticulum.overlay.identity import SECRET_NAME
from reticulum.overlay.invite import Invite

NEXT_NAME = "grid.next"
PREVIOUS_NAME = "grid.previous"


@attrs.frozen
class GridFiles:
    """
    Three files of 64 hexadecimal digits that only their owner reads, as `Identity` makes one.

    Each change is one rename or one link, so a crash leaves the files before or after it, and
    at every moment they read as a ring that accepts what it accepted before.

    Args:
        data: Data directory of a node.
        fsync: Flushes an open file or folder.
    """

    data: Path
    _fsync: Callable[[int], None] = os.fsync

    def read(self) -> KeyRing:
        """
        The keys to seal with and to accept.

        Raises:
            UnreadableSecret: `grid.secret` is missing, or a file is malformed or open to others.
        """
        current = self._keys(SECRET_NAME)
        if current is None:
            raise UnreadableSecret(
                f"{self.data / SECRET_NAME} is not there: make a node with 'reticulum init'"
            )
        ring = KeyRing(current)
        for keys in (self.next(), self.previous()):
            # Two files hold the same in the middle of `use`.
            if keys is not None and keys.fingerprint not in ring.accepted:
                ring = ring.accept(keys)
        return ring

    def next(self) -> GridKeys | None:
        """The keys to be used after those in use, if a rotation has begun."""
        return self._other(NEXT_NAME)

    def previous(self) -> GridKeys | None:
        """The keys used before those in use, if they are still accepted."""
        return self._other(PREVIOUS_NAME)

    def found(self, secret: bytes) -> None:
        """
        Make *secret* the one in use on a node that has none yet.

        Raises:
            UnreadableSecret: There is one, or it can't be written.
        """
        self._write_new(SECRET_NAME, secret)

    def accept(self, secret: bytes) -> KeyRing:
        """
        Take *secret* as the next; nothing happens if it is accepted already.

        Raises:
            BadSettings: Another rotation is not finished.
            UnreadableSecret: See `read`; or it can't be written.
        """
        ring = self.read()
        if GridKeys.of_secret(secret).fingerprint in ring.accepted:
            return ring
        if self.next() is not None:
            raise BadSettings(
                "a next secret is here already: finish that rotation with 'reticulum grid use' "
                "and 'grid forget', or give it up with 'grid forget --next'"
            )
        if self.previous() is not None:
            raise BadSettings(
                "the previous secret is still accepted: finish that rotation with "
                "'reticulum grid forget' first"
            )
        # Left over where `use` was cut off, and already in use.
        self._remove(NEXT_NAME)
        self._write_new(NEXT_NAME, secret)
        return self.read()

    def use(self) -> KeyRing:
        """
        Seal with the next secret from now on; the one in use becomes the previous.

        Raises:
            BadSettings: There is no next one, or there is a previous one besides.
            UnreadableSecret: See `read`.
        """
        if self.next() is None:
            raise BadSettings(
                "there is no next secret: make one with 'reticulum grid rotate' on one node, "
                "and hand it to this one with 'reticulum grid accept'"
            )
        if self.previous() is not None:
            raise BadSettings("three secrets at once: 'reticulum grid forget' the previous first")
        self._remove(PREVIOUS_NAME)
        try:
            os.link(self.data / SECRET_NAME, self.data / PREVIOUS_NAME)
            self._flush()
            (self.data / NEXT_NAME).replace(self.data / SECRET_NAME)
            self._flush()
        except OSError as error:
            raise UnreadableSecret(f"can't write in {self.data}: {error.strerror}") from None
        return self.read()

    def forget(self, *, the_next: bool = False) -> KeyRing:
        """
        Accept the previous secret no longer; or the next one, to give up a rotation.

        Raises:
            BadSettings: There is none.
            UnreadableSecret: See `read`; or it can't be removed.
        """
        name, keys = (NEXT_NAME, self.next()) if the_next else (PREVIOUS_NAME, self.previous())
        if keys is None:
            raise BadSettings(
                f"nothing to forget: there is no {'next' if the_next else 'previous'} secret here"
            )
        self._remove(name)
        return self.read()

    def _other(self, name: str) -> GridKeys | None:
        """Keys of a file beside `grid.secret`, unless they are those in use."""
        keys = self._keys(name)
        return None if keys is None or keys == self._keys(SECRET_NAME) else keys

    def _keys(self, name: str) -> GridKeys | None:
        path = self.data / name
        try:
            mode = path.stat().st_mode
            if mode & 0o077:
                raise UnreadableSecret(
                    f"{path} can be read by others (mode {mode & 0o777:o}); run: chmod 600 {path}"
                )
            secret = bytes.fromhex(path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnreadableSecret(f"can't read {path}: {error.strerror}") from None
        except ValueError:
            secret = b""
        if len(secret) != SECRET_BYTES:
            raise UnreadableSecret(f"{path} must hold {2 * SECRET_BYTES} hexadecimal digits")
        return GridKeys.of_secret(secret)

    def _write_new(self, name: str, secret: bytes) -> None:
        draft, path = self.data / f"{name}.{os.getpid()}", self.data / name
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(secret.hex().encode() + b"\n")
                    file.flush()
                    self._fsync(file.fileno())
                # A link, not a rename: it never takes the place of a secret that is there.
                os.link(draft, path)
            finally:
                draft.unlink()
            self._flush()
        except OSError as error:
            raise UnreadableSecret(f"can't write {path}: {error.strerror}") from None

    def _remove(self, name: str) -> None:
        try:
            (self.data / name).unlink(missing_ok=True)
            self._flush()
        except OSError as error:
            raise UnreadableSecret(f"can't remove {self.data / name}: {error.strerror}") from None

    def _flush(self) -> None:
        descriptor = os.open(self.data, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._fsync(descriptor)
        finally:
            os.close(descriptor)


def apply_invite(data: Path, text: str) -> tuple[Entrance, ...]:
    """
    Make the node in *data*, an existing directory, one of the invite's grid.

    A node of that grid already is left as it is: the same invite may be given at every start.

    Returns:
        Where to knock; it is for the caller to keep it.

    Raises:
        MistypedInvite: It has a typing error.
        BadInvite: It is none.
        BadSettings: The node is one of another grid; nothing was changed.
        UnreadableSecret: The secrets that are there can't be read, or none can be written.
    """
    invite = Invite.parse(text)
    files = GridFiles(data)
    if not os.path.lexists(data / SECRET_NAME):
        files.found(invite.secret)
        return invite.entrances
    ring, invited = files.read(), GridKeys.of_secret(invite.secret)
    if invited.fingerprint not in ring.accepted:
        raise BadSettings(
            f"{data} belongs to grid {ring.current.fingerprint.hex()}, the invite is for grid "
            f"{invited.fingerprint.hex()}: take another directory; or, to move this node and its "
            f"images to that grid, stop it, take {SECRET_NAME} out of the directory, and join "
            "again; or, if that is the next secret of this grid, use 'reticulum grid accept'"
        )
    return invite.entrances
