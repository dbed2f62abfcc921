"""Twenty real processes as one grid, made as a new user makes it."""

import json
import os
import random
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pictures
import pytest
from processes import Node, until

COPIES = 3
NODES = 20
KILLED = 10
RETICULUM = [sys.executable, "-m", "reticulum.cli.main"]
# Addresses on loopback, one worker each: the machine has other things to do.
PEER = "127.0.0.1:0"
SMALL = {"RETICULUM_IMAGING_WORKERS": "1"}
JOINED_S = 120


def reticulum(*arguments: str) -> str:
    """What the command prints; it must not fail."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RETICULUM_")}
    ran = subprocess.run(
        [*RETICULUM, *arguments], capture_output=True, text=True, check=False, env=environment
    )
    assert 0 == ran.returncode, ran.stderr
    return ran.stdout


def asked(node: Node, *arguments: str) -> Any:
    """The last line of JSON that `reticulum dht` prints at *node*."""
    told = reticulum("dht", *arguments, "--data", str(node.data), "--json")
    return json.loads(told.splitlines()[-1])


def is_member(node: Node) -> bool:
    """Whether it has found the others and they have found it."""
    grid = node.status()["grid"]
    return bool(grid["joined"]) and grid["role"] == "server"


def found_by_crawl(node: Node) -> set[str]:
    """Ids of all nodes that answer, as one of them sees it."""
    return {each["id"] for each in asked(node, "crawl")["nodes"]}


def test_twenty_nodes_survive_ten_kills(start_node: Any, tmp_path: Path) -> None:
    """
    One `init`, one `invite` and nineteen `--join` make one grid; an image put to the first is
    fetched from the last; ten nodes are killed and the others still find it; the ten come back
    by themselves, and crawl and trace show all that.
    """
    reticulum("init", str(tmp_path / "n0"))

    def start(number: int, *arguments: str) -> Node:
        return start_node(
            "--peer",
            PEER,
            *arguments,
            data=tmp_path / f"n{number}",
            environment=SMALL,
            is_awaited=False,
        )

    nodes = [start(0)]
    nodes[0].wait_ready()
    invite = reticulum("invite", "--data", str(nodes[0].data)).strip()
    nodes += [start(number, "--join", invite) for number in range(1, NODES)]
    for node in nodes[1:]:
        node.wait_ready()
    for node in nodes:
        until(lambda node=node: is_member(node), "joined", JOINED_S)
    ids = {node.status()["node"]["id"] for node in nodes}
    until(lambda: ids == found_by_crawl(nodes[7]), "the crawl finds all", JOINED_S)

    image = pictures.photo(300, 200)
    image_id = nodes[0].ask("POST", "/v1/images", image).json["id"]
    path = f"/image/{image_id}/full/x.jpg"
    until(lambda: nodes[-1].ask("GET", path).status == 200, "found from the last")
    assert image == nodes[-1].ask("GET", path).body
    thumbnail = f"/image/{image_id}/100w/x.jpg"
    first, last = (nodes[at].ask("GET", thumbnail) for at in (0, -1))
    assert (200, first.body, first.headers["etag"]) == (
        last.status,
        last.body,
        last.headers["etag"],
    )
    until(lambda: COPIES == len(keepers(nodes, image_id)), "copied")
    keeping = keepers(nodes, image_id)
    holders = asked(nodes[3], "holders", image_id)["holders"]
    assert {nodes[at].status()["node"]["id"] for at in keeping} >= {one["id"] for one in holders}
    assert holders

    # All copies at once may be among so many: one is left alone.
    mortal = sorted(set(range(1, NODES)) - {keeping[0]})
    dead = sorted(random.Random(1).sample(mortal, KILLED))  # noqa: S311  (which ones)
    for number in dead:
        nodes[number].process.kill()
        nodes[number].process.wait()
    alive = [node for number, node in enumerate(nodes) if number not in dead]
    for number, node in enumerate(alive):
        traced = asked(node, "trace", image_id)
        gone = {nodes[number].data.name for number in dead}
        assert KILLED - 1 == len(traced["closest"]), gone
        assert 200 == node.ask("GET", f"/image/{image_id}/{110 + number}w/x.jpg").status

    back = [start(number) for number in dead]
    for node in back:
        node.wait_ready()
    for node in back:
        until(lambda node=node: is_member(node), "rejoined", JOINED_S)
    until(lambda: ids == found_by_crawl(alive[-1]), "the crawl finds all again", JOINED_S)
    hops = asked(back[0], "trace", image_id)["hops"]
    assert ids - {back[0].status()["node"]["id"]} >= {hop["id"] for hop in hops}
    assert all(hop["state"] == "answered" and hop["rtt_s"] > 0 for hop in hops)
    for node in (*alive, *back):
        assert "Traceback" not in node.log()


def keepers(nodes: list[Node], image_id: str) -> list[int]:
    """Which of *nodes* list the image."""
    return [
        at
        for at, node in enumerate(nodes)
        if any(one["id"] == image_id for one in node.ask("GET", "/v1/images").json["images"])
    ]


def test_both_ip_versions(start_node: Any, tmp_path: Path) -> None:
    """
    A node on every address of its machine is found, and gives its images, by IPv4 and by IPv6.

    Its neighbours have one version each and can't reach each other: it serves both.
    """
    if not has_ipv6():
        pytest.skip("there is no ::1 on this machine")
    reticulum("init", str(tmp_path / "both"))
    both = start_node("--peer", "*:0", data=tmp_path / "both", environment=SMALL)
    image = pictures.photo(300, 200)
    image_id = both.ask("POST", "/v1/images", image).json["id"]
    number = int((both.data / "peer.port").read_text())

    for name, host in (("four", "127.0.0.1"), ("six", "[::1]")):
        address = f"{host}:{number}"
        invite = reticulum("invite", "--data", str(both.data), "--address", address).strip()
        data = tmp_path / name
        node = start_node(
            "--peer", f"{host}:0", "--join", invite, data=data, environment=SMALL, is_awaited=False
        )
        node.wait_ready()
        until(lambda node=node: is_member(node), "joined", JOINED_S)
        got = node.ask("GET", f"/image/{image_id}/full/x.jpg")
        assert (200, image) == (got.status, got.body)
        assert asked(node, "ping", address)["answered"]


def has_ipv6() -> bool:
    """Whether something can be bound to ::1."""
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True
