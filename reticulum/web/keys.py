"""Upload keys: who may change or list what is here."""

import hmac

import attrs
from twisted.web.http import Request

from reticulum.errors import KeyMissing, KeyRefused

_BEARER = "bearer "


@attrs.define
class Keys:
    """
    The keys in force; replaced as a whole when the settings are read again.

    Args:
        accepted: Empty if no key is asked for.
    """

    accepted: tuple[str, ...] = ()

    def check(self, key: str | None) -> None:
        """
        Let the bearer of *key* pass.

        Every accepted key is compared, each in constant time, so that the time taken tells
        nothing about any of them.

        Raises:
            KeyMissing: A key is wanted and there is none.
            KeyRefused: It is not one of ours.
        """
        if not self.accepted:
            return
        if key is None:
            raise KeyMissing("this needs an upload key: send it as 'Authorization: Bearer KEY'")
        given = key.encode()
        matches = [hmac.compare_digest(given, accepted.encode()) for accepted in self.accepted]
        if not any(matches):
            raise KeyRefused("this upload key is not accepted here")


def bearer(request: Request) -> str | None:
    """The key in the Authorization header, as RFC 6750 section 2.1 has it."""
    header = request.getHeader("authorization") or ""
    return header[len(_BEARER) :].strip() if header.lower().startswith(_BEARER) else None
