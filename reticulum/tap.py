"""`twistd reticulum`: options in, a service out; picks the reactor and imports the rest lazily."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from twisted.application.service import IService
from twisted.internet import asyncioreactor
from twisted.python import usage

from reticulum.errors import BadInvite, BadSettings, StartError

_REACTOR = "twisted.internet.reactor"


class Refusal(usage.UsageError, SystemExit):
    """
    A `UsageError` that ends the process with its text alone.

    twistd lets a `UsageError` from `makeService` through as a traceback; a `SystemExit` is what
    the interpreter prints without one, with exit code 1.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code = f"twistd reticulum: {text}"


class Options(usage.Options):
    """The flags; each one not given is left to the environment, the file and the defaults."""

    synopsis = "[options]"
    longdesc = (
        "A node of a Reticulum grid. Without any option it keeps its data in ./reticulum-data "
        "and serves http://127.0.0.1:8080/."
    )
    optParameters: ClassVar[list[list[str | None]]] = [  # noqa: N815  (Twisted's name)
        ["data", "d", None, "Directory for everything the node keeps."],
        ["config", "c", None, "Settings file; otherwise reticulum.toml in the data directory."],
        ["http", None, None, "Where to serve HTTP: a Twisted server endpoint string."],
        ["peer", None, None, "HOST:PORT for other nodes, one number for UDP and TCP."],
        ["join", None, None, "Invite of the grid to join."],
        ["join-file", None, None, "File that holds the invite."],
        ["zone", None, None, "Name for what fails together with this node."],
    ]

    def parseArgs(self, *rest: str) -> None:  # noqa: N802  (Twisted's name)
        """Refuse what is no option."""
        if rest:
            raise usage.UsageError(f"unexpected: {' '.join(rest)}; see twistd reticulum --help")


def makeService(options: Mapping[str, str | None]) -> IService:  # noqa: N802  (Twisted's name)
    """
    Build the node.

    Raises:
        UsageError: It refuses to start; the text says why and what to set.
    """
    reactor = _asyncio_reactor()
    # Only now: klein imports the reactor.
    from reticulum.assembly import data_directory, node_service  # noqa: PLC0415
    from reticulum.overlay.entrance_file import keep_entrances  # noqa: PLC0415
    from reticulum.overlay.grid_files import apply_invite  # noqa: PLC0415
    from reticulum.settings import Settings, read_settings  # noqa: PLC0415

    environment = {k: v for k, v in os.environ.items() if k.startswith("RETICULUM_")}
    flags = {name: value for name in ("data", "http", "peer", "zone") if (value := options[name])}
    config = options["config"] or environment.get("RETICULUM_CONFIG")
    try:
        invite = _invite(options, environment)

        def read() -> Settings:
            return read_settings(
                flags=flags, environment=environment, config=Path(config) if config else None
            )

        if invite is not None:
            data = data_directory(read())
            keep_entrances(data, apply_invite(data, invite))
        return node_service(read, reactor)
    except (StartError, BadInvite) as error:
        raise Refusal(str(error)) from None


def _invite(options: Mapping[str, str | None], environment: Mapping[str, str]) -> str | None:
    """The invite, from a flag, a file or the environment, in this order."""
    if invite := options["join"]:
        return invite
    if path := options["join-file"]:
        try:
            return Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadSettings(f"can't read the invite in {path}: {error}") from None
    return environment.get("RETICULUM_JOIN")


def _asyncio_reactor() -> object:
    installed = sys.modules.get(_REACTOR)
    if installed is None:
        asyncioreactor.install()
        installed = sys.modules[_REACTOR]
    if not isinstance(installed, asyncioreactor.AsyncioSelectorReactor):
        raise Refusal(
            f"reticulum needs the asyncio reactor, and {type(installed).__name__} is installed: "
            "leave out --reactor, or say --reactor=asyncio"
        )
    return installed
