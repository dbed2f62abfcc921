"""The commented settings file, rendered from the settings themselves."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from reticulum.settings import SHORT_NAMES, declared, environment_name

_OPENING = """\
# Settings of a Reticulum node.
#
# Each setting stands here with its default; to change one, take the # off its line and edit it.
# An unknown name is an error. The environment beats this file, and a flag of 'twistd reticulum'
# beats both. Settings marked (live) are read again on SIGHUP; the others need a restart.
"""
_WIDTH = 96


def render(data: str) -> str:
    """
    The settings file of a node, every line a comment but the sections and `data`.

    Lines that begin with `#` and no space are settings: without the `#`, they say the default.

    Args:
        data: Value for `data` in [node].
    """
    return _OPENING + "".join(_lines(data))


def _lines(data: str) -> Iterator[str]:
    opened = None
    for section, field in declared():
        if section.name != opened:
            opened = section.name
            about = (section.type.__doc__ or "").strip() if section.type else ""
            yield f"\n# {about}\n[{opened}]\n"
        place = (section.name, field.name)
        yield "\n" + _prose(field.metadata, place)
        if place == ("node", "data"):
            yield f"data = {_toml(data)}\n"
        else:
            yield f"#{field.name} = {_toml(field.metadata['default'])}\n"


def _prose(metadata: Mapping[str, Any], place: tuple[str, str]) -> str:
    names = [environment_name(*place)]
    names += [f"RETICULUM_{name.upper()}" for name, at in SHORT_NAMES.items() if at == place]
    help_lines = textwrap.wrap(metadata["help"], _WIDTH, break_long_words=False)
    flags = "".join(f", or --{name}" for name, at in SHORT_NAMES.items() if at == place)
    live = " (live)" if metadata["live"] else ""
    source = f"In the environment: {' or '.join(dict.fromkeys(names))}{flags}.{live}"
    return "".join(f"# {line}\n" for line in [*help_lines, source])


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:_}"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(_toml(item) for item in value)}]"
    # TOML's basic strings escape as JSON does, but for DEL, which JSON leaves as it is.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
