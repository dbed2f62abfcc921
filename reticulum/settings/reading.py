"""Flags, environment and TOML file, read into one `Settings`; an unknown key is an error."""

import difflib
import enum
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import attrs

from reticulum.errors import BadSettings
from reticulum.settings.sections import NodeSettings, Settings, declared

PREFIX = "RETICULUM_"
CONFIG_NAME = "reticulum.toml"

# What a flag of `twistd reticulum` sets, and with it the short name in the environment:
# --http is RETICULUM_HTTP, and both are `listen` in `[http]`.
SHORT_NAMES: Mapping[str, tuple[str, str]] = {
    "data": ("node", "data"),
    "zone": ("node", "zone"),
    "http": ("http", "listen"),
    "peer": ("peer", "address"),
}
# In the environment, but of the commands and not of the settings.
COMMAND_NAMES = frozenset({"CONFIG", "JOIN", "NODE", "KEY"})


def read_settings(
    *,
    flags: Mapping[str, str],
    environment: Mapping[str, str],
    config: Path | None = None,
) -> Settings:
    """
    Flags beat the environment, which beats the file, which beats the defaults.

    Args:
        flags: Values by the names in `SHORT_NAMES`.
        environment: As of the process; only names with the prefix are looked at.
        config: The file to read. If None, `reticulum.toml` in the data directory, if it is
            there.

    Raises:
        BadSettings: An unknown key, a value of the wrong kind, an unreadable file.
    """
    told = _from_environment(environment)
    for name, text in flags.items():
        section, key = SHORT_NAMES[name]
        told[section, key] = (text, f"--{name}")
    if config is None:
        data, _ = told.get(("node", "data"), (NodeSettings().data, ""))
        beside = Path(data) / CONFIG_NAME
        config = beside if beside.is_file() else None
    values = dict(_from_file(config)) if config else {}
    values |= {place: (_from_text(place, *text), text[1]) for place, text in told.items()}
    return _settings_of(values)


def _settings_of(values: Mapping[tuple[str, str], tuple[Any, str]]) -> Settings:
    sections = {}
    for section in attrs.fields(Settings):
        kind = cast("type[attrs.AttrsInstance]", section.type)
        chosen: dict[str, Any] = {}
        for field in attrs.fields(kind):
            if (section.name, field.name) not in values:
                continue
            value, origin = values[section.name, field.name]
            chosen[field.name] = value
            try:
                kind(**{field.name: value})
            except (ValueError, TypeError) as error:
                raise BadSettings(
                    f"{origin}: {field.name} in [{section.name}] can't be {_shown(field, value)}: "
                    f"{_reason(field, error)}"
                ) from None
        sections[section.name] = kind(**chosen)
    return Settings(**sections)  # type: ignore[arg-type]  # each of its own kind


def environment_name(section: str, key: str) -> str:
    """Name of a setting in the environment."""
    return f"{PREFIX}{section}_{key}".upper()


def _known() -> dict[tuple[str, str], "attrs.Attribute[Any]"]:
    return {(section.name, field.name): field for section, field in declared()}


def _from_environment(environment: Mapping[str, str]) -> dict[tuple[str, str], tuple[str, str]]:
    names = {environment_name(*place): place for place in _known()}
    short = {f"{PREFIX}{name}".upper(): place for name, place in SHORT_NAMES.items()}
    told: dict[tuple[str, str], tuple[str, str]] = {}
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name.removeprefix(PREFIX) in COMMAND_NAMES:
            continue
        place = names.get(name) or short.get(name)
        if place is None:
            raise BadSettings(
                f"unknown name {name} in the environment{_nearest(name, [*names, *short])}"
            )
        if place in told and told[place][0] != environment[name]:
            raise BadSettings(f"{told[place][1]} and {name} set the same thing to different values")
        told[place] = (environment[name], name)
    return told


def _from_file(config: Path) -> Iterator[tuple[tuple[str, str], tuple[Any, str]]]:
    try:
        document = tomllib.loads(config.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadSettings(f"can't read {config}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{config} is not TOML: {error}") from None
    known = _known()
    sections = sorted({section for section, _ in known})
    for section, table in document.items():
        if not isinstance(table, dict) or section not in sections:
            what = f"section [{section}]" if isinstance(table, dict) else f"key {section}"
            raise BadSettings(f"unknown {what} in {config}{_nearest(section, sections)}")
        keys = [key for of, key in known if of == section]
        for key, value in table.items():
            if key not in keys:
                raise BadSettings(
                    f"unknown key {key} in [{section}] of {config}{_nearest(key, keys)}"
                )
            place = (section, key)
            typed = _from_toml(known[place], value, place, str(config))
            if place == ("node", "data"):
                typed = str(config.parent / typed)
            yield place, (typed, str(config))


def _from_toml(
    field: "attrs.Attribute[Any]", value: Any, place: tuple[str, str], origin: str
) -> Any:
    default = field.metadata["default"]
    if isinstance(default, enum.StrEnum):
        return _choice(type(default), value, place, origin)
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if isinstance(default, list):
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
    elif type(value) is type(default):
        return value
    wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    kind = wanted.get(type(default), "a list of texts")
    raise BadSettings(
        f"{origin}: {place[1]} in [{place[0]}] must be {kind}, not {_shown(field, value)}"
    )


def _from_text(place: tuple[str, str], text: str, origin: str) -> Any:
    field = _known()[place]
    default = field.metadata["default"]
    if isinstance(default, enum.StrEnum):
        return _choice(type(default), text, place, origin)
    if isinstance(default, list):
        return [item.strip() for item in text.split(",") if item.strip()]
    if isinstance(default, bool):
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if text.lower() not in words:
            raise BadSettings(f"{origin} must be true or false, not {text!r}")
        return words[text.lower()]
    try:
        return type(default)(text)
    except ValueError:
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise BadSettings(f"{origin} must be {kind}, not {text!r}") from None


def _choice(
    kind: type[enum.StrEnum], value: Any, place: tuple[str, str], origin: str
) -> enum.StrEnum:
    try:
        return kind(value)
    except ValueError:
        choices = " or ".join(f'"{name}"' for name in kind)
        raise BadSettings(
            f"{origin}: {place[1]} in [{place[0]}] must be {choices}, not {value!r}"
        ) from None


def _nearest(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(sorted(names))}"


def _shown(field: "attrs.Attribute[Any]", value: Any) -> str:
    # An upload key is a secret: it must not reach a log through an error text.
    return "that (the value is secret)" if field.name == "upload_keys" else repr(value)


def _reason(field: "attrs.Attribute[Any]", error: Exception) -> str:
    if field.name == "upload_keys":
        return "each key is 8 to 256 printable ASCII characters without spaces"
    return str(error.args[0]).partition(" (")[0]
