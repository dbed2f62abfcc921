"""The OpenAPI file against a real node: what the file says is what happens, and nothing else."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pictures
import processes
import pytest
import requests
import schemathesis
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from reticulum import __version__
from reticulum.web.public import Public

FILE = Path(__file__).parents[2] / "docs" / "reference" / "openapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))

# Not among them: what the file allows is taken, what it does not is refused. No pattern says which
# bytes are an image and which options go together, and to a form every field is text.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
KEY = "a-key-for-this-test"

METHODS = ("get", "head", "post", "delete")
OPERATIONS = [
    (path, method)
    for path, item in DOCUMENT["paths"].items()
    for method in METHODS
    if method in item
]
"""Every operation of the file."""

SAMPLES = (
    pictures.photo(320, 200),
    pictures.photo(200, 320, "png"),
    pictures.animation("gif"),
    pictures.photo(64, 48, "bmp"),
)
"""Images that are on the node when a test begins."""


def bodies() -> st.SearchStrategy[bytes]:
    """What people upload: images, broken ones, and anything else."""
    return st.one_of(
        st.sampled_from(SAMPLES),
        st.sampled_from(SAMPLES).map(pictures.truncated),
        st.sampled_from(sorted(pictures.not_images().values())),
        st.binary(max_size=200),
    )


schemathesis.openapi.media_type("application/octet-stream", bodies())
schemathesis.openapi.media_type("image/*", bodies())


def is_modified(path: str, method: str) -> bool:
    """Whether an operation takes anything that could be wrong."""
    item = DOCUMENT["paths"][path]
    return bool(item.get("parameters") or {"parameters", "requestBody"} & item[method].keys())


@contextmanager
def running(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[processes.Node]:
    with processes.nursery() as nodes:
        node = processes.start(folder, environment=environment)
        nodes.append(node)
        node.wait_ready()
        yield node


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Node]:
    with running(tmp_path_factory.mktemp("openapi")) as started:
        yield started


@pytest.fixture(scope="module")
def node_with_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Node]:
    with running(
        tmp_path_factory.mktemp("openapi-key"), {"RETICULUM_HTTP_UPLOAD_KEYS": KEY}
    ) as started:
        yield started


def operation_on(node: processes.Node, path: str, method: str) -> Any:
    """One operation of the file; where it takes an id, every other one is of a known image."""
    known = []
    for sample in SAMPLES:
        url, headers = f"{node.url}/v1/images", {"Authorization": f"Bearer {KEY}"}
        answer = requests.post(url, data=sample, headers=headers, timeout=30)
        known += [answer.json()["id"], answer.json()["id"].partition("-")[2]]
    schemas = DOCUMENT["components"]["schemas"]
    mixed = {"anyOf": [{"enum": known}, schemas["AnyImageId"]]}
    components = {**DOCUMENT["components"], "schemas": {**schemas, "AnyImageId": mixed}}
    schema = schemathesis.openapi.from_dict({**DOCUMENT, "components": components})
    schema.config.update(base_url=node.url)
    return schema[path][method.upper()]


@pytest.mark.parametrize("path,method", OPERATIONS)
def test_what_is_allowed_is_answered_as_the_file_says(
    node: processes.Node, path: str, method: str
) -> None:
    """Status, headers and body of every answer to a well-formed request stand in the file."""

    @settings(max_examples=40)
    @given(case=operation_on(node, path, method).as_strategy(GenerationMode.POSITIVE))
    def ask(case: Case) -> None:
        case.call_and_validate(checks=CHECKS, timeout=30)

    ask()


@pytest.mark.parametrize(
    "path,method", [operation for operation in OPERATIONS if is_modified(*operation)]
)
def test_what_is_malformed_is_answered_as_the_file_says(
    node: processes.Node, path: str, method: str
) -> None:
    """A malformed request is refused with a status and a body that stand in the file; never 500."""

    @settings(max_examples=40)
    @given(case=operation_on(node, path, method).as_strategy(GenerationMode.NEGATIVE))
    def ask(case: Case) -> None:
        case.call_and_validate(checks=CHECKS, timeout=30)

    ask()


@pytest.mark.parametrize(
    "path,method",
    [
        (path, method)
        for path, method in OPERATIONS
        if "security" in DOCUMENT["paths"][path][method]
    ],
)
@pytest.mark.parametrize("key", [None, "not-the-key", KEY])
def test_keys_are_asked_for_as_the_file_says(
    node_with_key: processes.Node, path: str, method: str, key: str | None
) -> None:
    """Without a key or with a wrong one, what the file guards is refused as it says."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}

    @settings(max_examples=10)
    @given(case=operation_on(node_with_key, path, method).as_strategy(GenerationMode.POSITIVE))
    def ask(case: Case) -> None:
        case.headers.pop("Authorization", None)
        answer = case.call_and_validate(checks=CHECKS, headers=headers, timeout=30)
        if key != KEY:
            assert answer.status_code in {400, 401, 403}

    ask()


def test_every_route_is_in_the_file() -> None:
    """The node has the operations that the file has, and no others."""
    routes = {
        (re.sub(r"<(\w+)>", "{}", rule.rule), method.lower())
        for rule in Public.app.url_map.iter_rules()
        for method in rule.methods or ()
    }

    assert {(re.sub(r"\{\w+\}", "{}", path), method) for path, method in OPERATIONS} == routes


def test_the_file_is_of_this_version() -> None:
    """The file names the version that it was held against."""
    assert __version__ == DOCUMENT["info"]["version"]
