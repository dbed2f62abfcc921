"""Networks that change, and those that are worse or better than a plain NAT."""

import contextlib
import signal
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
FERRIED_S = 15
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
        if member.node.process.poll() is None:
            assert -signal.SIGTERM == member.node.end()
        member.no_traceback()


def must_serve(grid: NatGrid, member: Member) -> None:
    """Others bring it images, and have what is uploaded to it."""
    grid.until_holds(member, grid["p0"], NOTICED_S)
    image = fresh_image()
    image_id = member.upload(image)
    for name in PUBLIC:
        until(lambda name=name: grid[name].gives(image_id, image), f"{name} has it")


def crawled(grid: NatGrid, member: Member) -> tuple[str, str | None]:
    """Role and address, as a crawl by another node finds them."""
    nodes = grid["p1"].told("dht", "crawl")["nodes"]
    return next(
        ((each["role"], each["address"]) for each in nodes if each["id"] == member.node_id),
        ("unknown", None),
    )


def test_nat_behind_nat(grid: NatGrid) -> None:
    """A home router behind that of a provider: relayed, and a full member."""
    outer = grid.lab.router("isp", Kind.SYMMETRIC)
    router = grid.lab.router("flat", Kind.FULL_CONE, outer=outer.lan)
    member = grid.start("twice", grid.lab.host("twice", router.lan), router)
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


def test_a_night_at_the_provider(grid: NatGrid) -> None:
    """
    One router gets another address, one is rebooted and forgets all connections: the nodes behind
    them are attached again by themselves.
    """
    moved, rebooted = (grid.behind(name, Kind.SYMMETRIC) for name in ("moved", "rebooted"))
    assert moved.router
    assert rebooted.router
    grid.join(moved, rebooted)
    for member in (moved, rebooted):
        until(lambda each=member: each.is_reached("relayed"), "relayed")
        grid.until_holds(member, grid["p0"])
    address = moved.router.readdress()
    rebooted.router.reboot(down_s=2)

    until(
        lambda: str(moved.node.status()["grid"]["seen_as"]).startswith(f"{address}:"),
        "seen with the new address",
        NOTICED_S,
    )
    for member in (moved, rebooted):
        must_serve(grid, member)
        assert member.is_reached("relayed")


def ferried_by(member: Member) -> str:
    """Whose TCP carries its datagrams, by the address; empty if nobody's does."""
    by: str | None = member.node.status()["reach"]["ferry"]["by"]
    return by or ""


def test_no_datagrams(grid: NatGrid) -> None:
    """In an office without UDP a node is a member like any other, and says what could be done."""

    def joined_after(number: int) -> float:
        members.append(grid.behind(f"office{number}", Kind.FULL_CONE, passes_udp=False))
        members[-1].node.wait_ready()
        until(members[-1].is_member, "joined")
        return members[-1].age_s()

    members: list[Member] = []
    assert fastest(joined_after, FERRIED_S) <= FERRIED_S
    member = members[-1]
    until(lambda: member.is_reached("relayed"), "relayed")
    must_serve(grid, member)

    by = ferried_by(member)
    told = member.nat()
    rungs = {each["rung"]: each for each in told["rungs"]}
    assert "ferried" == rungs["addresses"]["state"]
    assert f"by way of {by}" in rungs["addresses"]["evidence"]
    assert f"let UDP out to port {PORT}" in " ".join(told["advice"])
    assert ("client", 2) == (told["role"], len(told["relays"]))
    assert by in member.at("dht", "nat").out
    ferryman = next(grid[name] for name in PUBLIC if by == f"{grid[name].station.address}:{PORT}")
    ferrying = ferryman.node.status()["reach"]["ferrying"]
    assert ferrying["datagrams_out"] > 0 < ferrying["datagrams_in"]
    assert {} == ferrying["dropped"]
    for name in PUBLIC:
        assert member.node_id not in grid[name].at("dht", "table", "--json").out
    relays = {each["id"] for each in told["relays"]}
    nodes = grid["p1"].told("dht", "crawl")["nodes"]
    crawled = next(each for each in nodes if each["id"] == member.node_id)
    assert ("client", relays) == (crawled["role"], {each["id"] for each in crawled["relays"]})


def test_its_ferry_is_gone(grid: NatGrid) -> None:
    """The node that carries its datagrams is killed: another one does, before anybody notices."""
    member = grid.behind("cellar", Kind.SYMMETRIC, passes_udp=False)
    grid.join(member)
    until(lambda: member.is_reached("relayed"), "relayed")
    grid.until_holds(member, grid["p0"])
    by = ferried_by(member)
    name = next(name for name in PUBLIC if by == f"{grid[name].station.address}:{PORT}")
    grid[name].end()
    until(lambda: ferried_by(member) not in {"", by}, "by another one", FERRIED_S)
    others = [grid[other] for other in PUBLIC if other != name]
    assert member.is_member()
    grid.until_holds(member, others[0])
    image = fresh_image()
    image_id = member.upload(image)
    for other in others:
        until(lambda other=other: other.gives(image_id, image), f"{other.name} has it")
    grid.again(name)
    grid.settle()


def test_a_laptop_leaves_the_office(grid: NatGrid) -> None:
    """Outside it does without a ferry, and is a server; back inside it takes one again."""
    office = grid.lab.router("dull", Kind.PORT_RESTRICTED, passes_udp=False)
    host = grid.lab.host("clerk", office.lan)
    clerk = grid.start("clerk", host, office)
    grid.join(clerk)
    until(lambda: clerk.is_reached("relayed"), "relayed in the office")
    assert ferried_by(clerk)

    host.move(grid.lab.internet)
    until(lambda: clerk.is_reached("public"), "public outside", NOTICED_S)
    assert "" == ferried_by(clerk)
    address = f"{host.address}:{PORT}"
    until(lambda: crawled(grid, clerk) == ("server", address), "crawled as a server", NOTICED_S)

    host.move(office.lan)
    until(lambda: ferried_by(clerk), "ferried", NOTICED_S)
    until(lambda: clerk.is_reached("relayed"), "relayed in the office again", NOTICED_S)
    must_serve(grid, clerk)
    assert "client" == clerk.nat()["role"]


def test_forwarded_port(grid: NatGrid) -> None:
    """Someone has set up the router by hand: the node is a public server, and says by what."""
    # Its own datagrams leave from other ports: others are to dial the one that is passed on.
    router = grid.lab.router("byhand-r", Kind.SYMMETRIC)
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
        assert -signal.SIGTERM == member.node.end()
        assert str(PORT) not in member.router.namespace.run(*rules)
