"""Flags, environment and file."""

from pathlib import Path

import pytest

from reticulum.errors import BadSettings
from reticulum.model import HashName
from reticulum.settings import Settings, declared, environment_name, read_settings


def read(
    text: str | None = None,
    tmp_path: Path | None = None,
    flags: dict[str, str] | None = None,
    **environment: str,
) -> Settings:
    config = None
    if text is not None and tmp_path is not None:
        config = tmp_path / "reticulum.toml"
        config.write_text(text)
    return read_settings(flags=flags or {}, environment=environment, config=config)


def test_defaults() -> None:
    """With nothing said, a node listens on loopback alone and asks for no key."""
    settings = read()

    assert "tcp:8080:interface=127.0.0.1" == settings.http.listen
    assert () == settings.http.upload_keys
    assert "reticulum-data" == settings.node.data


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    """The nearer to the person who starts the node, the stronger."""
    file = '[node]\nzone = "file"\n[peer]\naddress = "127.0.0.1:1"\n[http]\nlisten = "tcp:1"\n'
    settings = read(
        file,
        tmp_path,
        {"zone": "flag"},
        RETICULUM_NODE_ZONE="environment",
        RETICULUM_PEER_ADDRESS="127.0.0.1:2",
    )

    assert ("flag", "127.0.0.1:2", "tcp:1") == (
        settings.node.zone,
        settings.peer.address,
        settings.http.listen,
    )
    assert Settings().http.max_uploads == settings.http.max_uploads


@pytest.mark.parametrize("section,key", [(s.name, f.name) for s, f in declared()])
def test_every_setting_has_its_environment_name(section: str, key: str) -> None:
    """`grace_s` in `[replication]` is `RETICULUM_REPLICATION_GRACE_S`, and so for all."""
    default = getattr(getattr(Settings(), section), key)
    text = ",".join(default) if isinstance(default, tuple) else str(default)

    settings = read(**{f"RETICULUM_{section}_{key}".upper(): text})

    assert default == getattr(getattr(settings, section), key)
    assert f"RETICULUM_{section}_{key}".upper() == environment_name(section, key)


def test_short_names() -> None:
    """What a flag sets can be set in the environment under the flag's name."""
    settings = read(RETICULUM_HTTP="unix:/x", RETICULUM_DATA="/d", RETICULUM_ZONE="z")

    assert ("unix:/x", "/d", "z") == (settings.http.listen, settings.node.data, settings.node.zone)


def test_two_names_for_one_thing_must_agree() -> None:
    """Nobody has to guess which of two values won."""
    with pytest.raises(BadSettings, match="RETICULUM_HTTP_LISTEN"):
        read(RETICULUM_HTTP="tcp:1", RETICULUM_HTTP_LISTEN="tcp:2")


def test_relative_data_in_a_file_starts_from_the_file(tmp_path: Path) -> None:
    """A data directory can be moved together with its settings."""
    assert str(tmp_path / "here") == read('[node]\ndata = "here"\n', tmp_path).node.data


def test_settings_beside_the_data_are_found(tmp_path: Path) -> None:
    """What `reticulum init DIR` wrote is read by `--data DIR`."""
    (tmp_path / "reticulum.toml").write_text('[storage]\nhash = "sha1"\n')

    assert HashName.SHA1 == read(flags={"data": str(tmp_path)}).storage.hash


@pytest.mark.parametrize(
    "text,told",
    [
        ('[http]\nlisen = "x"\n', "did you mean listen"),
        ("[htp]\n", "did you mean http"),
        ("x = 1\n", "unknown key x"),
        ('[cache]\nmax_bytes = "5"\n', "must be a whole number, not '5'"),
        ("[cache]\nmax_bytes = true\n", "must be a whole number, not True"),
        ("[cache]\nmax_bytes = -5\n", "-5"),
        ('[storage]\nhash = "md5"\n', '"sha256" or "sha1"'),
        ("[http]\nupload_keys = [1]\n", "list of texts"),
        ("[http\n", "is not TOML"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, told: str) -> None:
    """An unknown key or a wrong value is an error that names key, value and what is allowed."""
    with pytest.raises(BadSettings) as caught:
        read(text, tmp_path)

    assert told in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    "name,value",
    [
        ("RETICULUM_CACHE_MAX_BYTES", "many"),
        ("RETICULUM_HTTP_OPEN_UPLOADS", "perhaps"),
        ("RETICULUM_CASH_MAX_BYTES", "1"),
        ("RETICULUM_IMAGING_DEADLINE_S", "0"),
        ("RETICULUM_STORAGE_HASH", "md5"),
    ],
)
def test_bad_environment(name: str, value: str) -> None:
    """The error names the variable."""
    with pytest.raises(BadSettings, match=name):
        read(**{name: value})


def test_missing_file(tmp_path: Path) -> None:
    """A settings file that was named must be there."""
    with pytest.raises(BadSettings, match="nowhere.toml"):
        read_settings(flags={}, environment={}, config=tmp_path / "nowhere.toml")


def test_upload_keys_never_stand_in_an_error(tmp_path: Path) -> None:
    """A key that is refused does not reach the log."""
    with pytest.raises(BadSettings) as caught:
        read('[http]\nupload_keys = ["s3cr3t with spaces"]\n', tmp_path)

    assert "s3cr3t" not in str(caught.value)


def test_numbers_and_lists_from_the_environment() -> None:
    """Text becomes what the setting is."""
    settings = read(
        RETICULUM_HTTP_UPLOAD_KEYS="first-key, second-key",
        RETICULUM_IMAGING_DEADLINE_S="2.5",
        RETICULUM_HTTP_OPEN_UPLOADS="yes",
    )

    assert ("first-key", "second-key") == settings.http.upload_keys
    assert 2.5 == settings.imaging.deadline_s
    assert settings.http.open_uploads is True


def test_names_of_the_commands_are_left_alone() -> None:
    """`RETICULUM_JOIN` and its like are no settings, and no errors either."""
    assert Settings() == read(RETICULUM_JOIN="x", RETICULUM_KEY="y", RETICULUM_NODE="z", HOME="/")
