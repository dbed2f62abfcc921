"""Which node a command talks with, as the command line says it."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import click

from reticulum.errors import BadImageId
from reticulum.model import ImageId

DEFAULT_URL = "http://127.0.0.1:8080"
_PRINTABLE = re.compile(r"[!-~]+")


@attrs.frozen(kw_only=True)
class Target:
    """
    A node to talk with.

    Args:
        url: Where its HTTP is, without a slash at the end.
        data: Its data directory, if it is to be reached by its control socket.
        key: Upload key, or None.
    """

    url: str = DEFAULT_URL
    data: Path | None = None
    key: str | None = attrs.field(default=None, repr=False)


def node_url(_context: click.Context, _option: click.Parameter, text: str) -> str:
    """
    Check an http or https URL of nothing but a place, and take the slash off its end.

    Raises:
        BadParameter: It is something else.
    """
    wanted = "wanted something like http://127.0.0.1:8080"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no URL: {error}; {wanted}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise click.BadParameter(f"{text!r} is no URL of a node: {wanted}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise click.BadParameter("leave out user, password, query and fragment")
    if not _PRINTABLE.fullmatch(text):
        raise click.BadParameter(f"{text!r} has characters that stand in no URL")
    return text.rstrip("/")


def upload_key(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """
    Check that a key may stand in a header.

    Raises:
        BadParameter: It may not; the text does not show it.
    """
    if text is not None and not _PRINTABLE.fullmatch(text):
        raise click.BadParameter("a key is printable ASCII without spaces")
    return text


def image_ids(
    _context: click.Context, _argument: click.Parameter, texts: tuple[str, ...]
) -> tuple[ImageId, ...]:
    """
    Parse ids, in any form that URLs have them.

    Raises:
        BadParameter: One of them is none.
    """
    try:
        return tuple(ImageId.parse(text) for text in texts)
    except BadImageId as error:
        raise click.BadParameter(str(error)) from None


def image_id(context: click.Context, argument: click.Parameter, text: str) -> ImageId:
    """Parse one id; see `image_ids`."""
    return image_ids(context, argument, (text,))[0]
