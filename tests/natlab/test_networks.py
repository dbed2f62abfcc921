"""Networks that change, and those that are worse or better than a plain NAT."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import namespaces
import pytest
from nat_grid import PORT, Member, NatGrid, fastest, fresh_image, nat_grid
from nat_rules import Kind
from port_mapping_gateway import TABLE, port_mapping
from processes import until

namespaces.requires_lab("miniupnpd")

PUBLIC = ("p0", "p1", "p2")
NOTICED_S = 60
MAPPED_S = 10
MAPPING = {"RETICULUM_REACH_MAP_PORTS": "true"}


@pytest.fixture(scope="module")
def whole_grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatGrid]:
    with nat_grid(tmp_path_factory.mktemp("networks")) as grid:
        for name in PUBLIC:
            grid.public(name)
        grid.settle()
        yield grid


@pytest.fixture
def grid(whole_grid: NatGrid) -> Iterator[NatGrid]:
    """Three public nodes; what a test adds is stopped after it."""
    yield whole_grid
    for name in set(whole_grid.members) - set(PUBLIC):
        member = whole_grid.members.pop(name)
        assert "Traceback" not in member.node.log()
        if member.node.process.poll() is None:
            assert 0 == member.node.end()


def must_serve(grid: NatGrid, member: Member) -> None:
    """Others bring it images, and read what it has."""
    grid.until_holds(member, grid["p0"], NOTICED_S)
    image = fresh_image()
    image_id = member.node.put(image)
    assert all(grid[name].gives(image_id, image) for name in PUBLIC)


def crawled(grid: NatGrid, member: Member) -> tuple[str, str | None]:
    """Role and address, as a crawl by another node finds them."""
    nodes = grid["p1"].told("dht", "crawl")["nodes"]
    return next(
        ((each["role"], each["address"]) for each in nodes if each["id"] == member.node_id),
        ("unknown", None),
    )


@pytest.mark.parametrize("inner", [Kind.FULL_CONE, Kind.SYMMETRIC], ids=lambda kind: kind.value)
def test_nat_behind_nat(grid: NatGrid, inner: Kind) -> None:
    """A home router behind that of a provider: relayed, and a full member."""
    outer = grid.lab.router(f"isp-{inner.value}", Kind.PORT_RESTRICTED)
    router = grid.lab.router(f"home-{inner.value}", inner, outer=outer.lan)
    host = grid.lab.host(f"twice-{inner.value}", router.lan)
    member = grid.start(f"twice-{inner.value}", host, router)
    grid.join(member)
    until(lambda: member.is_reached("relayed"), "relayed")
    must_serve(grid, member)
    assert "client" == member.nat()["role"]


def test_a_laptop_changes_networks(grid: NatGrid) -> None:
    """From home to a network with public addresses to the office: the role follows."""
    home = grid.lab.router("home", Kind.PORT_RESTRICTED)
    office = grid.lab.router("office", Kind.SYMMETRIC)
    host = grid.lab.host("laptop", home.lan)
    laptop = grid.start("laptop", host, home)
    grid.join(laptop)
    until(lambda: laptop.is_reached("relayed"), "relayed at home")
    must_serve(grid, laptop)

    host.move(grid.lab.internet)
    until(lambda: laptop.is_reached("public"), "public outside", NOTICED_S)
    address = f"{host.address}:{PORT}"
    until(lambda: crawled(grid, laptop) == ("server", address), "crawled as a server", NOTICED_S)
    must_serve(grid, laptop)

    host.move(office.lan)
    until(lambda: laptop.is_reached("relayed"), "relayed at the office", NOTICED_S)
    until(lambda: crawled(grid, laptop)[0] == "client", "crawled as a client", NOTICED_S)
    must_serve(grid, laptop)
    assert laptop.node.status()["grid"]["seen_as"].startswith(f"{office.address}:")


def test_a_router_gets_another_address(grid: NatGrid) -> None:
    """As providers do at night: the node behind it is attached again by itself."""
    member = grid.behind("night", Kind.SYMMETRIC)
    assert member.router
    grid.join(member)
    until(lambda: member.is_reached("relayed"), "relayed")
    address = member.router.readdress()
    until(
        lambda: str(member.node.status()["grid"]["seen_as"]).startswith(f"{address}:"),
        "seen with the new address",
        NOTICED_S,
    )
    must_serve(grid, member)


def test_a_router_reboots(grid: NatGrid) -> None:
    """All its connections are forgotten; the node is attached again by itself."""
    member = grid.behind("reboot", Kind.SYMMETRIC)
    assert member.router
    grid.join(member)
    until(lambda: member.is_reached("relayed"), "relayed")
    grid.until_holds(member, grid["p0"])
    member.router.reboot(down_s=2)
    must_serve(grid, member)
    assert member.is_reached("relayed")


def test_no_datagrams(grid: NatGrid) -> None:
    """A network without UDP is found out, and said in words that help."""
    member = grid.behind("deaf", Kind.FULL_CONE, passes_udp=False)
    member.node.wait_ready()
    until(lambda: "UDP" in " ".join(member.nat()["advice"]), "diagnosed", NOTICED_S)
    told = member.nat()
    assert ("client", "unreachable") == (told["role"], told["reach"])
    assert "UDP" in member.at("dht", "nat").out


def test_forwarded_port(grid: NatGrid) -> None:
    """Someone has set up the router by hand: the node is a public server, and says by what."""
    router = grid.lab.router("byhand-r", Kind.PORT_RESTRICTED)
    host = grid.lab.host("byhand", router.lan)
    router.forward(PORT, host)
    member = grid.start("byhand", host, router)
    grid.join(member)
    until(lambda: member.is_reached("public"), "public", NOTICED_S)
    address = f"{router.address}:{PORT}"
    until(lambda: crawled(grid, member) == ("server", address), "crawled as a server", NOTICED_S)
    told = member.nat()
    rungs = {each["rung"]: each for each in told["rungs"]}
    assert address in rungs["addresses"]["evidence"]
    assert "dialled back" in rungs["dial-back"]["evidence"]
    assert [] == told["relays"]
    must_serve(grid, member)


def test_a_gateway_that_maps_ports(grid: NatGrid, tmp_path: Path) -> None:
    """With the real miniupnpd the node is public after 10 s, and gives the port back at its end."""
    members = []

    def public_after(number: int) -> float:
        router = grid.lab.router(f"upnp{number}-r", Kind.PORT_RESTRICTED)
        host = grid.lab.host(f"upnp{number}", router.lan)
        folder = tmp_path / str(number)
        folder.mkdir()
        held.enter_context(port_mapping(router, folder))
        members.append(grid.start(f"upnp{number}", host, router, environment=MAPPING))
        members[-1].node.wait_ready()
        until(lambda: members[-1].is_reached("public"), "public", NOTICED_S)
        return members[-1].age_s()

    with contextlib.ExitStack() as held:
        assert fastest(public_after, MAPPED_S) <= MAPPED_S
        member = members[-1]
        assert member.router
        address = f"{member.router.address}:{PORT}"
        until(lambda: crawled(grid, member) == ("server", address), "a server", NOTICED_S)
        mapped = next(each for each in member.nat()["rungs"] if each["rung"] == "map")
        assert address in mapped["evidence"]
        must_serve(grid, member)

        rules = ("nft", "list", "table", "inet", TABLE)
        assert str(PORT) in member.router.namespace.run(*rules)
        assert 0 == member.node.end()
        assert str(PORT) not in member.router.namespace.run(*rules)
