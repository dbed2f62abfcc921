"""What a node refuses to start with, and what changes while it runs."""

import attrs
import pytest

from reticulum.errors import BadSettings
from reticulum.settings import Settings, refuse_unsafe
from reticulum.settings.reload import Reload, differences
from reticulum.settings.safety import is_local


@pytest.mark.parametrize(
    "endpoint,local",
    [
        ("tcp:8080:interface=127.0.0.1", True),
        ("tcp:8080:interface=127.8.9.1", True),
        ("tcp:interface=localhost:port=1", True),
        (r"tcp6:8080:interface=\:\:1", True),
        ("unix:/run/x.sock", True),
        ("tcp:8080", False),
        ("tcp:8080:interface=", False),
        ("tcp:8080:interface=0.0.0.0", False),
        (r"tcp6:8080:interface=\:\:", False),
        ("tcp:8080:interface=10.0.0.1", False),
        ("tcp:8080:interface=example.org", False),
        ("systemd:domain=INET:index=0", False),
        ("ssl:443", False),
        ("", False),
    ],
)
def test_is_local(endpoint: str, local: bool) -> None:
    """Only what is plainly on this machine counts as local."""
    assert local == is_local(endpoint)


def with_http(**values: object) -> Settings:
    return attrs.evolve(Settings(), http=attrs.evolve(Settings().http, **values))


def test_open_uploads_by_accident_are_refused() -> None:
    """The refusal names the keys to set."""
    with pytest.raises(BadSettings, match="upload_keys.*open_uploads"):
        refuse_unsafe(with_http(listen="tcp:80"))


@pytest.mark.parametrize(
    "values", [{"upload_keys": ("12345678",)}, {"open_uploads": True}, {"listen": "unix:/s"}]
)
def test_open_on_purpose(values: dict[str, object]) -> None:
    """With keys, on purpose, or on this machine alone, a node starts."""
    refuse_unsafe(with_http(**{"listen": "tcp:80", **values}))


def test_reload_applies_what_is_live_and_keeps_the_rest() -> None:
    """After a reload the node compares the next one with what is really in force."""
    old = Settings()
    new = with_http(max_uploads=7, listen="tcp:9:interface=127.0.0.1")
    applied: list[Settings] = []
    reload = Reload(old, lambda: new, applied.append)

    reload()

    assert [new] == applied
    assert with_http(max_uploads=7) == reload._current
    assert [("http.listen", False)] == differences(reload._current, new)


def test_reload_of_a_bad_file_changes_nothing() -> None:
    """A typing error in the file does not stop a running node."""

    def read() -> Settings:
        raise BadSettings("no")

    applied: list[Settings] = []
    reload = Reload(Settings(), read, applied.append)

    reload()

    assert [] == applied
    assert Settings() == reload._current
