"""Combinations of settings that a node refuses to start with."""

import ipaddress
import re

from reticulum.errors import BadSettings
from reticulum.settings.sections import Settings


def refuse_unsafe(settings: Settings) -> None:
    """
    Refuse uploads that are open to the world by accident.

    Raises:
        BadSettings: With the keys to set.
    """
    http = settings.http
    if http.upload_keys or http.open_uploads or is_local(http.listen):
        return
    raise BadSettings(
        f"listening on {http.listen!r} lets anyone who reaches this machine upload and delete: "
        "set upload_keys in [http] (or RETICULUM_HTTP_UPLOAD_KEYS), or listen on loopback with "
        "tcp:8080:interface=127.0.0.1, or, if the whole world shall upload, set "
        "open_uploads = true in [http]"
    )


def is_local(endpoint: str) -> bool:
    r"""
    Whether only this machine can reach a Twisted server endpoint string.

    What is not plainly local counts as open: an unknown kind, no interface, a name that is not
    `localhost`. In such a string, `\:` stands for a colon.
    """
    kind, *arguments = (
        piece.replace("\\:", ":").replace("\\\\", "\\") for piece in re.split(r"(?<!\\):", endpoint)
    )
    if kind == "unix":
        return True
    if kind not in {"tcp", "tcp4", "tcp6", "ssl"}:
        return False
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if equals and name == "interface":
            try:
                return value == "localhost" or ipaddress.ip_address(value).is_loopback
            except ValueError:
                return False
    return False
