"""The commented settings file."""

import re
import tomllib
from pathlib import Path
from typing import Any

from reticulum.cli.config_file import render
from reticulum.settings import declared, environment_name, read_settings
from reticulum.settings.sections import Settings

REPOSITORY = Path(__file__).parents[3]


def defaults() -> dict[str, dict[str, Any]]:
    told: dict[str, dict[str, Any]] = {}
    for section, field in declared():
        told.setdefault(section.name, {})[field.name] = field.metadata["default"]
    return told


def test_uncommented_file_says_the_defaults() -> None:
    """With every # taken off its setting, the file parses to exactly the defaults."""
    text = re.sub(r"^#(?=\w)", "", render("reticulum-data"), flags=re.MULTILINE)

    assert defaults() == tomllib.loads(text)


def test_rendered_file_sets_data_alone() -> None:
    """As it is written, the file says nothing but where the data is."""
    parsed = tomllib.loads(render("."))

    assert {"data": "."} == parsed.pop("node")
    assert {section: {} for section in defaults() if section != "node"} == parsed


def test_every_setting_has_help_environment_name_and_reload() -> None:
    """The operator finds meaning, environment name and whether SIGHUP helps beside each setting."""
    paragraphs = render(".").split("\n\n")
    for section, field in declared():
        [about] = [
            text
            for text in paragraphs
            if re.search(rf"\b{environment_name(section.name, field.name)}\b", text)
        ]
        words = re.sub(r"\s+#?\s*", " ", about)

        assert field.metadata["help"] in words
        assert field.metadata["live"] == ("(live)" in words)
        assert re.search(rf"^#?{field.name} = ", about, flags=re.MULTILINE)


def test_a_node_reads_it(tmp_path: Path) -> None:
    """The settings reader takes the file, and finds the data in the file's own folder."""
    config = tmp_path / "reticulum.toml"
    config.write_text(render("."))

    settings = read_settings(flags={}, environment={}, config=config)

    assert str(tmp_path) == settings.node.data
    assert Settings().http == settings.http


def test_committed_file_is_the_rendering() -> None:
    """
    The example in etc/ tells today's settings.

    If it does not, run: python -c "from reticulum.cli.config_file import render;
    print(render('/var/lib/reticulum'), end='')" > etc/reticulum.toml
    """
    assert render("/var/lib/reticulum") == (REPOSITORY / "etc" / "reticulum.toml").read_text()


def test_any_data_path_survives() -> None:
    """Quotes, backslashes and umlauts in the data path come back out of the file."""
    path = 'C:\\a "b"\tü\x7f'

    assert path == tomllib.loads(render(path))["node"]["data"]
