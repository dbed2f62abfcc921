"""Nodes for system tests: real child processes, ended whatever happens."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import processes
import pytest

StartNode = Callable[..., processes.Node]


@pytest.fixture
def start_node(tmp_path: Path) -> Iterator[StartNode]:
    """Start a node; it is ready when the call returns, and dead when the test is over."""
    with processes.nursery() as nodes:

        def start(
            *arguments: str,
            environment: Mapping[str, str] | None = None,
            is_awaited: bool = True,
            **options: Any,
        ) -> processes.Node:
            options.setdefault("folder", tmp_path)
            node = processes.start(
                options.pop("folder"), *arguments, environment=environment, **options
            )
            nodes.append(node)
            if is_awaited:
                node.wait_ready()
            return node

        yield start


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Node]:
    """One node with the default settings for all the tests of a file."""
    with processes.nursery() as nodes:
        node = processes.start(tmp_path_factory.mktemp("shared"))
        nodes.append(node)
        node.wait_ready()
        yield node


@pytest.fixture
def node(shared_node: processes.Node) -> Iterator[processes.Node]:
    """The file's node, which every test has to leave clean and ready."""
    yield shared_node
    shared_node.must_be_clean()
