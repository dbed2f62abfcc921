"""What an operator is told of how his node is reached: each state in a sentence that is true."""

import json
from collections import Counter
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.assembly.nat_report import MOST_PATHS, nat_report, reach_status
from reticulum.model import Address, Contact, NodeId
from reticulum.overlay.ballot import Count
from reticulum.overlay.records import Role
from reticulum.overlay.views import OverlayStatus, StandingView
from reticulum.reach.discovery.lan_discovery import DiscoveryView
from reticulum.reach.ferry.log_book import FerrymanView
from reticulum.reach.ladder import Standing
from reticulum.reach.mapping.lease import Lease
from reticulum.reach.mapping.view import Mapping
from reticulum.reach.path import Path, Road
from reticulum.reach.relay.anchorage import Moored
from reticulum.reach.relay.tally import RelayView

PORT = 4160
SEEN = Address("44.1.1.1", PORT)
INSIDE = "192.168.1.5"
NODE = NodeId(b"n" * 20)
REACHED = Count(peers=4, agreed=3, refused=0, udp=4, tcp=3)
REFUSED = Count(peers=4, agreed=0, refused=4, udp=1, tcp=0)
FORWARD = (
    "to be reached directly, let the router pass TCP and UDP port 4160 on to 192.168.1.5 "
    "(port forwarding), or turn UPnP or NAT-PMP on there"
)
ANOTHER = (
    "the router that mapped the port is itself behind another one: pass the port on there, too, or "
    "ask the provider for a public address"
)


@attrs.define
class Router:
    """The one that maps a port."""

    name: str = "UPnP"
    where: str = "192.168.1.1"


@attrs.define(kw_only=True)
class World:
    """Everything that is told about; a `Reach`, all of its parts, and an `OverlayNode` as well."""

    standing_now: Standing = Standing.PUBLIC
    mapping: Mapping = attrs.field(factory=lambda: Mapping.off("map_ports = false in [reach]"))
    found: DiscoveryView = attrs.field(factory=lambda: DiscoveryView(evidence="off: not wanted"))
    hosts: tuple[str, ...] = (INSIDE,)
    is_symmetric: bool | None = None
    seen: Address | None = SEEN
    seen_ports: tuple[int, ...] = (PORT, PORT)
    count: Count = REACHED
    moored: tuple[Moored, ...] = ()
    last_refusal: str = ""
    paths_used: list[Path] = attrs.field(factory=list)
    attached: int = 0
    by: Address | None = None
    joined: bool = True
    questions: int = 10
    answered: int = 10

    def report(self) -> dict[str, Any]:
        return nat_report(_Reach(self), _Overlay(self), port=PORT)  # type: ignore[arg-type]

    def rung(self, name: str) -> tuple[str, str]:
        (rung,) = [rung for rung in self.report()["rungs"] if rung["rung"] == name]
        return rung["state"], rung["evidence"]

    def evidence(self, name: str) -> str:
        return self.rung(name)[1]

    def advice(self) -> list[str]:
        advice: list[str] = self.report()["advice"]
        return advice


def zeros_of(view: type[Any], **others: Any) -> Any:
    """A view of nothing but *others*."""
    return view(**{**dict.fromkeys(attrs.fields_dict(view), 0), **others})


class _Reach:
    """A `Reach`."""

    def __init__(self, world: World) -> None:
        self.ladder = _Ladder(world.standing_now)
        self.nearby = _Nearby(world)
        self.punching = _Punching(world.is_symmetric)
        self.anchorage = _Anchorage(world.moored, world.last_refusal)
        self.paths = _Paths(world.paths_used)
        self.relay = _Viewed(
            zeros_of(
                RelayView,
                attached=world.attached,
                circuits=2,
                circuits_total=7,
                bytes_relayed=1000,
                refused=Counter({"full": 1}),
                hung_up=Counter({"trickles": 2}),
            )
        )
        self.ferrying = _Ferrying(world.by)


@attrs.define
class _Ladder:
    standing: Standing


class _Nearby:
    def __init__(self, world: World) -> None:
        self.mapping, self.found, self.uplink = world.mapping, world.found, self
        self.hosts = world.hosts


@attrs.define
class _Punching:
    is_symmetric: bool | None


@attrs.define
class _Anchorage:
    moored: tuple[Moored, ...]
    last_refusal: str


@attrs.define
class _Paths:
    used: list[Path]

    def all(self) -> list[Path]:
        return self.used


@attrs.define
class _Viewed:
    viewed: Any

    def view(self) -> Any:
        return self.viewed


class _Ferrying:
    def __init__(self, by: Address | None) -> None:
        self.ferry = _Ferry(by)
        self.ferryman = _Viewed(zeros_of(FerrymanView, dropped={}, refused={}))


@attrs.define
class _Ferry:
    by: Address | None
    since_s: float | None = None

    @property
    def is_relied_on(self) -> bool:
        return self.by is not None


@attrs.define
class _Overlay:
    """An `OverlayNode`."""

    world: World
    node_id: NodeId = NODE

    def standing(self) -> StandingView:
        world = self.world
        is_server = world.standing_now is Standing.PUBLIC
        return StandingView(
            role=Role.SERVER if is_server else Role.CLIENT,
            is_settled=True,
            count=world.count,
            seen=world.seen,
            seen_ports=world.seen_ports if world.seen else (),
            port=PORT,
        )

    def status(self) -> OverlayStatus:
        world = self.world
        status: OverlayStatus = zeros_of(
            OverlayStatus,
            joined=world.joined,
            questions=world.questions,
            answered=world.answered,
        )
        return status


def moored(number: int, zone: str) -> Moored:
    relay = Contact(NodeId(bytes([number]) * 20), Address(f"44.9.9.{number}", PORT))
    return Moored(relay=relay, zone=zone, seen=SEEN, since=0.0, streams=0)


def mapped(external: str) -> Mapping:
    return Mapping.mapped(Router(), Lease(external=Address(external, PORT), seconds=3600.0))  # type: ignore[arg-type]


RELAYS = (moored(1, "attic"), moored(2, ""))


def relayed(**more: Any) -> World:
    return World(**{"standing_now": Standing.RELAYED, "moored": RELAYS, "count": REFUSED, **more})


def test_public_by_a_mapping() -> None:
    """Which router mapped the port by what protocol, who sees the node, who dialled it back."""
    world = World(mapping=mapped("44.1.1.1"))
    told = world.report()
    assert (str(NODE), "server", "public", [], []) == (
        told["id"],
        told["role"],
        told["reach"],
        told["relays"],
        told["advice"],
    )
    assert ["map", "addresses", "dial-back", "relay", "direct", "discover"] == [
        rung["rung"] for rung in told["rungs"]
    ]
    assert ("mapped", "mapped by UPnP on 192.168.1.1: 44.1.1.1:4160 for 3600 s at a time") == (
        world.rung("map")
    )
    assert (
        "translated",
        "2 peers see this node at 44.1.1.1:4160; this machine has 192.168.1.5: behind a NAT",
    ) == world.rung("addresses")
    assert ("reached", "3 of 4 peers dialled back (4 over UDP, 3 over TCP)") == (
        world.rung("dial-back")
    )
    assert ("not needed", "not needed; relays for 0 others") == world.rung("relay")


def test_public_without_a_nat() -> None:
    """An address of its own, and nothing to advise."""
    world = World(hosts=("44.1.1.1",), seen_ports=(PORT,), attached=3)
    assert (
        "own",
        "1 peer sees this node at 44.1.1.1:4160, an address of this machine: no NAT",
    ) == world.rung("addresses")
    assert ("off", "off: map_ports = false in [reach]") == world.rung("map")
    assert "not needed; relays for 3 others" == world.evidence("relay")
    assert [] == world.advice()


@pytest.mark.parametrize(
    "more,why",
    [
        ({"seen_ports": (1001, 1002, 1002)}, ": symmetric NAT"),
        ({"is_symmetric": True}, ": symmetric NAT"),
        ({"is_symmetric": False}, ": behind a NAT"),
        ({"hosts": ("44.1.1.1",)}, ": nobody gets through to its own address"),
        ({"by": Address("44.7.7.7", 4161)}, ": UDP does not get through"),
        ({"seen": None}, ""),
    ],
)
def test_relayed(more: dict[str, Any], why: str) -> None:
    """By which relays, in which zones, and why."""
    world = relayed(**more)
    assert ("relayed", f"relayed by 44.9.9.1:4160 in attic and 44.9.9.2:4160{why}") == (
        world.rung("relay")
    )
    told = world.report()
    assert ("client", "relayed") == (told["role"], told["reach"])
    assert [
        {"id": "01" * 20, "address": "44.9.9.1:4160", "zone": "attic"},
        {"id": "02" * 20, "address": "44.9.9.2:4160", "zone": ""},
    ] == told["relays"]


def test_symmetric_nat() -> None:
    """The evidence is what peers see, or what relays see where peers see nothing of it."""
    own = "this machine has 192.168.1.5: symmetric NAT"
    assert (
        "symmetric",
        f"3 peers see this node at 44.1.1.1:4160, at 2 different ports; {own}",
    ) == relayed(seen_ports=(1001, 1002, 1002)).rung("addresses")
    assert (
        "symmetric",
        f"2 peers see this node at 44.1.1.1:4160, relays see one port of it at several; {own}",
    ) == relayed(is_symmetric=True).rung("addresses")


def test_dialled_in_vain() -> None:
    """How many have tried is told only when some have."""
    assert (
        "not reached",
        "0 of 4 peers dialled back (1 over UDP, 0 over TCP); 4 tried in vain",
    ) == relayed().rung("dial-back")
    nobody = Count(peers=0, agreed=0, refused=0, udp=0, tcp=0)
    assert ("waiting", "nobody was asked yet") == relayed(count=nobody).rung("dial-back")
    some = Count(peers=2, agreed=0, refused=0, udp=1, tcp=0)
    assert "waiting" == relayed(count=some).rung("dial-back")[0]


@pytest.mark.parametrize(
    "more,words",
    [
        ({}, FORWARD),
        ({"hosts": ("44.1.1.1",)}, "let TCP and UDP to port 4160 of 44.1.1.1 in at the firewall"),
        (
            {"mapping": mapped("44.1.1.1")},
            "the router mapped the port, yet nobody gets through: look at its firewall",
        ),
        ({"mapping": mapped("100.64.0.7")}, ANOTHER),
        ({"mapping": Mapping.none("no router answers", "")}, FORWARD),
    ],
)
def test_advice(more: dict[str, Any], words: str) -> None:
    """What the operator could do fits what is in the way."""
    assert [words] == relayed(**more).advice()


def test_unreachable() -> None:
    """Why nobody relays, and what the grid needs."""
    world = relayed(standing_now=Standing.UNREACHABLE, moored=())
    assert ("none", "no relay was found yet") == world.rung("relay")
    assert "a grid needs at least one node with a public address" in world.advice()[-1]
    world.last_refusal = "44.9.9.1:4160: full"
    assert (
        "refused",
        "no relay took this node; the last one asked: 44.9.9.1:4160: full",
    ) == world.rung("relay")


def test_looking() -> None:
    """Who has only begun is told nothing that may be wrong a moment later."""
    world = World(standing_now=Standing.LOOKING, seen=None, joined=False, questions=1, answered=0)
    assert ("unknown", "nobody has said yet; this machine has 192.168.1.5") == (
        world.rung("addresses")
    )
    assert [] == world.advice()
    world.hosts = ()
    assert "this machine has none" in world.evidence("addresses")


def test_no_datagram_gets_through() -> None:
    """Many questions and no answer: that is UDP, or the entrances."""
    world = World(standing_now=Standing.LOOKING, seen=None, joined=False, questions=9, answered=0)
    (words,) = world.advice()
    assert words.startswith("9 datagrams were sent and none was answered: a firewall blocks UDP")
    world.answered = 1
    assert [] == world.advice()


def test_ferried() -> None:
    """Who is ferried is told by whom, and that UDP should be let out."""
    world = relayed(by=Address("44.7.7.7", 4161), seen=None)
    state, said = world.rung("addresses")
    assert "ferried" == state
    assert "44.7.7.7:4161" in said
    assert "not asked" == world.rung("dial-back")[0]
    (words,) = world.advice()
    assert "let UDP out" in words


def path(road: Road, number: int, *, punches: int = 0, failed: int = 0) -> Path:
    path = Path(NodeId(bytes([number]) * 20))
    path.went(road, NodeId(b"r" * 20) if road is Road.RELAYED else None)
    path.punches, path.failed_punches = punches, failed
    return path


def test_direct() -> None:
    """How many of the nodes behind relays are connected directly, and how many can't be."""
    assert ("none", "no node behind a relay was asked for anything of late") == (
        World(paths_used=[path(Road.DIRECT, 1)]).rung("direct")
    )
    paths = [
        path(Road.DIRECT, 1),
        path(Road.PUNCHED, 2, punches=1),
        path(Road.RELAYED, 3, failed=1),
        path(Road.RELAYED, 4),
    ]
    said = "1 of 3 nodes behind relays are connected directly"
    failed = "to 1 the routers on the way did not let it be"
    assert ("punched", f"{said}; {failed}") == World(paths_used=paths).rung("direct")
    assert "relayed" == World(paths_used=paths[2:]).rung("direct")[0]


def test_status() -> None:
    """The same in short, the latest paths first and not too many of them, in JSON."""
    paths = [path(Road.RELAYED, number % 256, failed=1) for number in range(MOST_PATHS + 20)]
    world = relayed(paths_used=paths)
    told = reach_status(_Reach(world), _Overlay(world))  # type: ignore[arg-type]
    told = json.loads(json.dumps(told))
    assert ("relayed", "44.1.1.1:4160", "off", 2) == (
        told["reach"],
        told["address"],
        told["mapping"],
        len(told["relays"]),
    )
    assert MOST_PATHS == len(told["paths"])
    assert {
        "id": str(paths[-1].node_id),
        "way": "relayed",
        "relay": "72" * 20,
        "punched": 0,
        "not_punched": 1,
    } == told["paths"][0]
    assert {"nodes": 0, "circuits": 2, "circuits_total": 7, "bytes": 1000} == {
        name: told["relaying"][name] for name in ("nodes", "circuits", "circuits_total", "bytes")
    }
    assert ({"full": 1}, {"trickles": 2}) == (
        told["relaying"]["refused"],
        told["relaying"]["hung_up"],
    )


WORLDS = st.builds(
    World,
    standing_now=st.sampled_from(Standing),
    moored=st.sampled_from([(), RELAYS[:1], RELAYS]),
    seen=st.none() | st.just(SEEN),
    is_symmetric=st.none() | st.booleans(),
    by=st.none() | st.just(Address("44.7.7.7", 1)),
    mapping=st.sampled_from(
        [mapped("44.1.1.1"), mapped("10.0.0.1"), Mapping.asking(), Mapping.off("x")]
    ),
    joined=st.booleans(),
    answered=st.integers(0, 1),
)


@given(WORLDS)
def test_any_state(world: World) -> None:
    """Whatever is so, every rung has a state and a sentence on one line, and nothing breaks."""
    told = world.report()
    assert told == json.loads(json.dumps(told))
    assert 6 == len(told["rungs"])
    for rung in told["rungs"]:
        assert rung["state"]
        assert rung["evidence"].isprintable()
        assert rung["evidence"]
    if world.standing_now is Standing.PUBLIC:
        assert [] == told["advice"]
    elif world.standing_now is not Standing.LOOKING:
        assert told["advice"]
