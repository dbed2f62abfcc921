"""Fills pages with what only the code knows, so that they cannot say anything else."""

import enum
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from sphinx.application import Sphinx

from reticulum.cli.main import reticulum
from reticulum.settings import SHORT_NAMES, declared, environment_name
from reticulum.web.responses import STATUS

_ROOT = Path(__file__).parents[2]
_PLACE = re.compile(r"^% from code: (\w+)$", re.MULTILINE)


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("source-read", fill)
    return {"parallel_read_safe": True}


def fill(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Replace each line `% from code: NAME` of a page."""
    source[0] = _PLACE.sub(lambda match: "\n".join(_PARTS[match[1]]()), source[0])


def settings() -> Iterator[str]:
    """Every setting, by section."""
    opened = None
    for section, field in declared():
        if section.name != opened:
            opened = section.name
            yield f"\n## [{opened}]\n"
            yield f"{section.type.__doc__}\n"
        default = field.metadata["default"]
        place = (section.name, field.name)
        flags = [f"`--{name}`" for name, at in SHORT_NAMES.items() if at == place]
        short = [f"`RETICULUM_{name.upper()}`" for name, at in SHORT_NAMES.items() if at == place]
        names = dict.fromkeys([f"`{environment_name(*place)}`", *short])
        yield f"### {field.name}\n"
        yield f"{field.metadata['help']}\n"
        yield f"- Type: {_kind(default)}"
        yield f"- Default: `{_toml(default)}`"
        yield f"- Environment: {' or '.join(names)}"
        if flags:
            yield f"- Flag: {', '.join(flags)}"
        yield f"- Changes on SIGHUP: {'yes' if field.metadata['live'] else 'no, at a restart'}\n"


def _kind(default: Any) -> str:
    kinds = {bool: "true or false", int: "whole number", float: "number", str: "text"}
    if isinstance(default, enum.Enum):
        return " or ".join(f"`{_toml(one.value)}`" for one in type(default))
    return kinds.get(type(default), "list of texts; in the environment, parted by commas")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"{value:_}"
    return str(value) if isinstance(value, list) else f'"{value}"'


def command() -> Iterator[str]:
    """The help of `reticulum` and of each of its sub-commands."""
    context = click.Context(reticulum, info_name="reticulum")
    yield from _help(context)
    for name in reticulum.list_commands(context):
        sub = reticulum.get_command(context, name)
        assert sub is not None  # noqa: S101  (it was listed)
        yield f"\n## reticulum {name}\n"
        yield from _help(click.Context(sub, info_name=name, parent=context))


def _help(context: click.Context) -> Iterator[str]:
    context.terminal_width = 96
    yield f"```text\n{context.get_help()}\n```\n"


def errors() -> Iterator[str]:
    """The error table of the HTTP interface."""
    yield "| status | when |"
    yield "|---|---|"
    for kind, status in sorted(STATUS.items(), key=lambda row: row[1]):
        yield f"| {status.value} | {(kind.__doc__ or '').strip().splitlines()[0]} |"


def benchmarks() -> Iterator[str]:
    """The results of the last run, if they were kept."""
    yield from _results("results.md")


def kill() -> Iterator[str]:
    """What killing nodes has given, likewise."""
    yield from _results("kill-results.md")


def _results(name: str) -> Iterator[str]:
    results = _ROOT / "benchmarks" / name
    if results.exists():
        # The page has a title of its own.
        yield re.sub(r"\A# .*\n", "", results.read_text(encoding="utf-8"))
    else:
        yield "No results are kept in this checkout."


_PARTS: dict[str, Callable[[], Iterator[str]]] = {
    part.__name__: part for part in (settings, command, errors, benchmarks, kill)
}
