"""`POST /` as thraxil/reticulum answers it, so that its clients work unchanged."""

from twisted.logger import Logger

from reticulum.errors import BadSpec, KeyMissing, KeyRefused
from reticulum.imaging import spec as grammar
from reticulum.model import Receipt, Spec
from reticulum.web.bodies import FormBody
from reticulum.web.keys import Keys
from reticulum.web.responses import Answer, image_url, json_answer

MAX_SIZE_HINTS = 16

_log = Logger()


def check_form_key(keys: Keys, form: FormBody) -> None:
    """
    Let a form pass whose field `key` is one of ours.

    Raises:
        KeyRefused: Also if the field is missing; the old server knows no 401.
    """
    try:
        keys.check(form.field("key"))
    except KeyMissing:
        raise KeyRefused("invalid upload key: the form has no field 'key'") from None


def size_hints(text: str | None) -> list[Spec]:
    """
    The sizes that the uploader will ask for, from a list parted by commas.

    A hint is only that: one that is no size is logged and left out, and so is `full`, which the
    old server re-encoded over the original.
    """
    specs = []
    for hint in (text or "").split(","):
        if not hint.strip():
            continue
        try:
            spec = grammar.parse(hint.strip())
        except BadSpec as error:
            _log.info("size_hint.ignored reason={reason}", reason=str(error))
            continue
        if not spec.is_full:
            specs.append(spec)
    return specs[:MAX_SIZE_HINTS]


def classic_answer(receipt: Receipt, node_name: str) -> Answer:
    """
    The old server's JSON, in its order of keys.

    Unlike there, `length` is the number of bytes, and `satisfied` and `nodes` are true.
    """
    original = receipt.original
    digest = original.image_id.digest
    return json_answer(
        {
            "hash": digest,
            "length": original.length,
            "extension": str(original.facts.format),
            "full_url": image_url(digest, original.facts),
            "satisfied": receipt.copies.is_enough,
            "nodes": [node_name],
        }
    )
