"""Two nodes meet without a relay: real sockets on loopback, liars and strangers included."""

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from io import BytesIO
from pathlib import Path as Folder
from typing import Any

import attrs
import pytest
from fake_pipes import greeting_of
from members import (
    GRID,
    PHOTO,
    PHOTO_ID,
    Script,
    Who,
    answering,
    holding,
    image_id_of,
    settled,
)
from plain_connections import Plain, relaying, until
from reached import (
    asking_by,
    bad_relay,
    contact_of,
    holder_behind,
    introduction_of,
)
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater

from reticulum.assembly.reach import Behind
from reticulum.errors import Busy, HolderFailed
from reticulum.model import Address, Contact, Facts, Format, Original, Size
from reticulum.reach.admission import Admission, Porch
from reticulum.reach.path import Path, Road
from reticulum.reach.punching import (
    BUSY_S,
    FAILED_S,
    MOST_AT_ONCE,
    MOST_CAME,
    MOST_INVITED_PER_HOST,
    MOST_PUNCHED,
    Punching,
)
from reticulum.reach.relay.status import Answer, Status, write_answer
from reticulum.reach.tls import NodeTls

HERE = "127.0.0.1"
SEEN = Address(HERE, 9)
Ask = Callable[[Contact, Sequence[Address]], Awaitable[Sequence[Address]]]


@attrs.define
class Hasty:
    """The reactor, so many times as fast where it waits; it can be later at once."""

    times: float = 1.0
    late: float = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)

    def seconds(self) -> float:
        seconds: float = reactor.seconds()
        return self.times * seconds + self.late

    def callLater(self, delay: float, *call: Any) -> Any:  # noqa: N802
        return reactor.callLater(delay / self.times, *call)


async def nobody(contact: Contact, addresses: Sequence[Address]) -> Sequence[Address]:
    """Asks nobody."""
    raise HolderFailed(f"{contact} at {addresses} does not answer")


@attrs.define(eq=False, kw_only=True)
class End:
    """One of two nodes; a member that answers what it is asked with a picture."""

    ask: Ask = nobody
    host: str = HERE
    own_host: str | None = HERE
    relays: Sequence[Contact] = ()
    is_on: bool = True
    deadline_s: float = 5.0
    times: float = 1.0
    clock: Any = attrs.field(init=False)
    who: Who = attrs.field(factory=Who)
    script: Script = attrs.field(
        factory=lambda: Script(lambda one: one.transport.write(answering(b"picture")))
    )
    admission: Admission = attrs.field(init=False)
    punching: Punching = attrs.field(init=False)
    path: Path = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        who, self.clock = self.who, Hasty(self.times)
        self.admission = Admission(
            self.script,  # type: ignore[arg-type]
            own_id=who.node_id,
            keys=lambda: [GRID],
            clock=reactor,
        )
        self.path = Path(who.node_id)
        self.punching = Punching(
            reactor=self.clock,
            greeting=greeting_of(who),
            introduction=introduction_of(who, self.deadline_s),
            inside=Porch(self.admission, NodeTls(who.key)),
            ask=lambda *words: self.ask(*words),  # noqa: PLW0108  (another one may come later)
            look_at=lambda: self.relays,
            places=lambda port: [Address(self.host, port)],
            own_host=lambda: self.own_host,
            is_on=lambda: self.is_on,
        )

    @property
    def contact(self) -> Contact:
        return Contact(self.who.node_id, SEEN, via=Who().node_id)

    def try_to_meet(self, other: "End", seen: Address | None = SEEN) -> Path:
        """Give what is known of the way to *other*, while it is tried to better it."""
        self.punching.wanted(other.contact, other.path, seen)
        return other.path

    async def meets(self, other: "End") -> Path:
        path = self.try_to_meet(other, Address(other.host, 9))
        await until(lambda: not path.is_punching)
        return path


@asynccontextmanager
async def two(**each: Any) -> AsyncIterator[tuple[End, End]]:
    """One that asks, and one that is asked."""
    asked = End(**each)

    async def ask(contact: Contact, addresses: Sequence[Address]) -> Sequence[Address]:
        assert contact.node_id == asked.who.node_id
        return await asked.punching.invited(asker.host, addresses)

    asker = End(ask=ask, **each)
    ends = (asker, asked)
    for end in ends:
        await end.punching.start()
    try:
        yield ends
    finally:
        for end in ends:
            await end.punching.stop()
            assert not end.path.is_punching
            assert not end.punching._trying | end.punching._standing_by
            assert not end.punching._invited
        for end in ends:
            for held in list(end.path.punched):
                held.close()
            end.admission.hang_up()
        await until(lambda: not any(end.path.punched or end.script.open for end in ends))
        await settled()
        assert not any(end.admission.strangers for end in ends)


@asynccontextmanager
async def listener(host: str = HERE) -> AsyncIterator[tuple[Address, list[Plain]]]:
    """Somebody who has nothing to do with any of it, and who came to him."""
    came: list[Plain] = []

    class Keeping(Factory):
        noisy = False

        def buildProtocol(self, addr: Any) -> Any:  # noqa: N802
            came.append(Plain())
            return came[-1]

    port = reactor.listenTCP(0, Keeping(), interface=host)
    try:
        yield Address(host, port.getHost().port), came
    finally:
        await port.stopListening()
        for one in came:
            one.transport.abortConnection()
        await until(lambda: all(one.is_lost for one in came))


async def stranger_at(address: Address, from_host: str = HERE) -> Any:
    factory = Factory.forProtocol(Plain)
    factory.noisy = False
    endpoint = TCP4ClientEndpoint(reactor, address.host, address.port, bindAddress=(from_host, 0))
    return await endpoint.connect(factory)


# The whole of it: relay, TLS, HTTP.


@asynccontextmanager
async def whole(folder: Folder) -> AsyncIterator[Any]:
    """A relay, a node behind it that holds an image, and one that asks it and would punch."""
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(relaying())
        at = [contact_of(relay)]
        asked = End(relays=at)
        asked.punching._inside = Behind(lambda: holder.porch)
        holder = await stack.enter_async_context(
            holding(folder / "holder", PHOTO, who=asked.who, doorbell=asked.punching)
        )
        contact = await stack.enter_async_context(holder_behind(holder, relay))

        async def ask(contact: Contact, addresses: Sequence[Address]) -> Sequence[Address]:
            return await asking.peers.punch(contact, addresses)

        asker = End(ask=ask, relays=at)
        asking = await stack.enter_async_context(
            asking_by(*at, who=asker.who, shortcut=asker.punching)
        )
        yield relay, asking, contact
        await asker.punching.stop()
        await asked.punching.stop()


async def test_from_relay_to_straight(tmp_path: Folder) -> None:
    """After the first request through a relay, the others go straight, and are the same."""
    async with whole(tmp_path) as (relay, asking, contact):
        facts = await asking.peers.facts(contact, PHOTO_ID)
        path = asking.path_to(contact)
        await until(lambda: path.punched)
        assert (Road.PUNCHED, 1) == (path.road, path.punches)
        before = relay.relay.view()

        sink = BytesIO()
        assert facts == await asking.peers.original(contact, PHOTO_ID, sink)
        assert PHOTO == sink.getvalue()
        assert before.circuits_total == relay.relay.view().circuits_total
        # What was kept on the detour is closed.
        await until(lambda: 0 == relay.relay.view().circuits)
        assert facts == await asking.peers.facts(contact, PHOTO_ID)
        assert 1 == len(path.punched)


async def test_large_bodies(tmp_path: Folder) -> None:
    """What is long goes both ways on a punched connection, and is not changed by that."""
    content = os.urandom(5_000_000)
    path = tmp_path / "large"
    path.write_bytes(content)
    original = Original(
        image_id=image_id_of(content),
        facts=Facts(format=Format.PNG, size=Size(640, 400), frames=1),
        length=len(content),
        stored_at=1.0,
    )
    async with whole(tmp_path) as (relay, asking, contact):
        await asking.peers.facts(contact, PHOTO_ID)
        await until(lambda: asking.path_to(contact).punched)
        before = relay.relay.view().bytes_relayed
        # Whoever keeps it has compared the bytes with its id.
        assert await asking.peers.give(contact, original, path)
        for _ in range(20):
            sink = BytesIO()
            await asking.peers.original(contact, PHOTO_ID, sink)
            assert PHOTO == sink.getvalue()
        assert relay.relay.view().bytes_relayed - before < 10_000


async def test_no_request_is_dropped(tmp_path: Folder) -> None:
    """While requests go on, many at a time, the pipe moves over, and none of them fails."""
    async with whole(tmp_path) as (_, asking, contact):
        rounds = 0
        while rounds < 100 and (rounds < 5 or not asking.path_to(contact).punched):
            rounds += 1
            await gatherResults(
                [Deferred.fromCoroutine(asking.peers.facts(contact, PHOTO_ID)) for _ in range(8)]
            )
        assert asking.path_to(contact).punched
        for _ in range(5):
            await gatherResults(
                [Deferred.fromCoroutine(asking.peers.facts(contact, PHOTO_ID)) for _ in range(8)]
            )
        assert len(asking.path_to(contact).punched) <= MOST_PUNCHED


# One end and the other.


async def test_two_ends_meet() -> None:
    """The asker gets one connection, on which the other end has proved who it is."""
    ports: list[Address] = []

    async with two() as (asker, asked):
        ask = asker.ask

        async def tell(contact: Contact, addresses: Sequence[Address]) -> Sequence[Address]:
            theirs = await ask(contact, addresses)
            ports.extend([addresses[0], theirs[0]])
            return theirs

        asker.ask = tell
        path = await asker.meets(asked)
        assert (1, 1, 0) == (len(path.held), path.punches, path.failed_punches)
        await until(lambda: 1 == asked.admission.nodes[asker.who.node_id])
        held = path.take()
        assert held is not None
        user: Any = held.take(Factory.forProtocol(Plain))
        user.transport.write(b"GET /picture HTTP/1.1\r\n\r\n")
        await until(lambda: b"picture" in user.heard)
        # The asker listens no more; the other one does until its time is up, or this is over.
        mine, theirs = ports
        with pytest.raises(ConnectError):
            await stranger_at(mine)
        asked.punching.network_changed()
        await until(lambda: not asked.punching._standing_by)
        with pytest.raises(ConnectError):
            await stranger_at(theirs)


async def test_ipv6() -> None:
    """The same with IPv6; addresses of the other kind are not told."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with (
        bad_relay(answer(1001)) as (relay, port),
        two(host="::1", own_host="::1", relays=[relay]) as (asker, asked),
    ):
        told: list[Address] = []
        ask = asker.ask

        async def tell(contact: Contact, addresses: Sequence[Address]) -> Sequence[Address]:
            told.extend(addresses)
            return await ask(contact, addresses)

        asker.ask = tell
        ports = asker.punching._places
        asker.punching._places = lambda port: [*ports(port), Address("192.168.1.9", port)]
        path = await asker.meets(asked)
        assert 1 == path.punches
        assert ["::1"] == [address.host for address in told]
        assert not port.open


async def test_what_relays_see() -> None:
    """Relays are asked from the very port that is dialled; what they say is told first."""
    async with (
        relaying() as relay,
        relaying() as other,
        two(relays=[contact_of(relay), contact_of(other)]) as (asker, asked),
    ):
        asker.punching._places = lambda port: [Address("192.168.1.9", port)]
        told: list[Sequence[Address]] = []
        ask = asker.ask

        async def tell(contact: Contact, addresses: Sequence[Address]) -> Sequence[Address]:
            told.append(addresses)
            return await ask(contact, addresses)

        asker.ask = tell
        assert 1 == (await asker.meets(asked)).punches
        ((seen, private),) = told
        assert (HERE, "192.168.1.9") == (seen.host, private.host)
        assert seen.port == private.port
        assert asker.punching.is_symmetric is False
        assert asked.punching.is_symmetric is False
        # Looks are over when the punch is.
        asked.punching.network_changed()
        await until(lambda: 0 == relay.relay.view().looks + other.relay.view().looks)


async def test_public_address() -> None:
    """Nobody has to tell a machine with a public address what it is."""
    async with bad_relay(answer(1001)) as (relay, port), two(relays=[relay]) as (asker, asked):
        asker.punching._places = lambda port: [Address("44.1.1.1", port)]
        told: list[Address] = []

        async def ask(contact: Contact, addresses: Sequence[Address]) -> Sequence[Address]:
            told.extend(addresses)
            return await nobody(contact, addresses)

        asker.ask = ask
        await asker.meets(asked)
        assert ["44.1.1.1"] == [address.host for address in told]
        assert not port.open


def answer(port: int) -> bytes:
    return write_answer(Answer(Status.WELCOME, Address(HERE, port)))


async def test_both_symmetric() -> None:
    """Two nodes that can't meet do not try, and not again for long."""
    async with (
        bad_relay(answer(1001)) as (one, _),
        bad_relay(answer(1002)) as (other, _),
        two(relays=[one, other]) as (asker, asked),
    ):
        path = await asker.meets(asked)
        assert asker.punching.is_symmetric
        assert asked.punching.is_symmetric
        assert (0, 1) == (path.punches, path.failed_punches)
        assert path.punch_at > asker.clock.seconds() + FAILED_S - 60
        asker.try_to_meet(asked)
        assert not path.is_punching


@pytest.mark.parametrize("says", [b"", b"\xff", b"\x02", answer(1)[:4]])
async def test_relays_that_do_not_say(says: bytes) -> None:
    """Without them there are the addresses that are known anyway."""
    async with bad_relay(says) as (relay, port), two(relays=[relay], times=4) as (asker, asked):
        assert 1 == (await asker.meets(asked)).punches
        assert asker.punching.is_symmetric is None
        asked.punching.network_changed()
        await until(lambda: not port.open)


async def test_nobody_says_where_a_private_address_is_seen() -> None:
    """
    A node that knows only its address behind its router neither asks nor dials: that says nothing
    about routers, and is tried again after a while.
    """
    async with (
        bad_relay(write_answer(Answer(Status.TOO_MANY))) as (relay, _),
        two(relays=[relay], own_host="44.1.1.1") as (asker, asked),
    ):
        for end in (asker, asked):
            end.punching._places = lambda port: [Address("192.168.1.9", port)]
        path = await asker.meets(asked)
        assert (0, 0) == (path.punches, path.failed_punches)
        assert path.punch_at < asker.clock.seconds() + 2 * BUSY_S
        with pytest.raises(Busy, match="does not know where"):
            await asked.punching.invited("44.2.2.2", [Address("44.2.2.2", 9)])


async def test_strangers() -> None:
    """
    Whoever finds an open port gets nothing there, neither who speaks nor who waits, and does not
    keep the two from meeting.
    """
    strangers: dict[str, list[Any]] = {"asker": [], "asked": []}

    async with two(deadline_s=1) as (asker, asked):
        ask = asker.ask

        async def ask_among_strangers(
            contact: Contact, addresses: Sequence[Address]
        ) -> Sequence[Address]:
            for words in (b"GET / HTTP/1.1\r\n\r\n", b""):
                strangers["asker"].append(await stranger_at(addresses[0]))
                strangers["asker"][-1].transport.write(words)
            theirs = await ask(contact, addresses)
            for words in (b"GET / HTTP/1.1\r\n\r\n", b""):
                strangers["asked"].append(await stranger_at(theirs[0]))
                strangers["asked"][-1].transport.write(words)
            await settled()
            return theirs

        asker.ask = ask_among_strangers
        path = await asker.meets(asked)
        assert 1 == path.punches
        assert [] == asked.script.asked
        await until(lambda: all(one.is_lost for one in strangers["asker"]))
        # At most the asker's TLS has said hello, which says nothing about anybody.
        assert {b"", b"\x16"} >= {one.heard[:1] for one in strangers["asker"]}
        assert all(len(one.heard) < 2048 for one in strangers["asker"])
        assert {b"", b"\x15"} >= {one.heard[:1] for one in strangers["asked"]}
        asked.admission.hang_up()
        for one in strangers["asked"]:
            one.transport.abortConnection()
        await until(lambda: all(one.is_lost for one in strangers["asked"]))


async def test_stranger_from_elsewhere() -> None:
    """Whoever comes from another host than the one that is awaited is hung up on at once."""
    strangers: list[Any] = []

    async with two() as (asker, asked):
        ask = asker.ask

        async def ask_with_strangers(
            contact: Contact, addresses: Sequence[Address]
        ) -> Sequence[Address]:
            strangers.append(await stranger_at(addresses[0], "127.0.0.2"))
            theirs = await ask(contact, addresses)
            strangers.append(await stranger_at(theirs[0], "127.0.0.2"))
            await until(lambda: all(one.is_lost for one in strangers))
            return theirs

        asker.ask = ask_with_strangers
        assert 1 == (await asker.meets(asked)).punches
        assert [b"", b""] == [one.heard for one in strangers]


async def test_crowd() -> None:
    """However many come, so many are kept until the punch is over, and then none."""
    crowd: list[Any] = []

    async with two() as (asker, asked):

        async def ask(contact: Contact, addresses: Sequence[Address]) -> Sequence[Address]:
            del contact
            crowd.extend([await stranger_at(addresses[0]) for _ in range(3 * MOST_CAME)])
            await until(lambda: sum(one.is_lost for one in crowd) >= 2 * MOST_CAME)
            assert MOST_CAME == sum(not one.is_lost for one in crowd)
            raise HolderFailed("no")

        asker.ask = ask
        assert 0 == (await asker.meets(asked)).punches
        await until(lambda: all(one.is_lost for one in crowd))


async def test_another_member_in_its_place() -> None:
    """A member of the grid that comes to the port instead of the right one is not taken for it."""
    async with two(times=8) as (asker, asked), AsyncExitStack() as stack:
        other = End()
        porch = other.punching._inside
        impostors: list[Any] = []

        async def ask(contact: Contact, addresses: Sequence[Address]) -> Sequence[Address]:
            del contact
            factory = Factory()
            factory.noisy = False
            factory.buildProtocol = porch.buildProtocol  # type: ignore[method-assign]
            endpoint = TCP4ClientEndpoint(reactor, HERE, addresses[0].port)
            impostors.append(await endpoint.connect(factory))
            return [Address(HERE, 9)]

        asker.ask = ask
        path = await asker.meets(asked)
        assert (0, 1) == (path.punches, path.failed_punches)
        assert [] == other.script.asked
        assert not path.held
        other.admission.hang_up()
        stack.push_async_callback(settled)
        await until(lambda: not other.admission.strangers)


async def test_asker_that_lies() -> None:
    """Whoever is asked dials the host that a relay attests, and no other, whatever is said."""
    async with (
        two() as (_, asked),
        listener() as (true, came),
        listener("127.0.0.2") as (victim, harmed),
    ):
        await asked.punching.invited(HERE, [victim, true])
        await until(lambda: came)
        assert [] == harmed
        for host, addresses in (
            (HERE, [victim]),
            ("127.0.0.3", [true, victim]),
            ("44.1.1.1", [true]),
            ("", [true]),
            (HERE, []),
        ):
            with pytest.raises(Busy, match="does not dial"):
                await asked.punching.invited(host, addresses)
        assert [] == harmed


async def test_asked_one_that_lies() -> None:
    """The same for whoever asks: the answer does not make it dial anybody else."""
    async with two(times=8) as (asker, asked), listener("127.0.0.2") as (victim, harmed):

        async def ask(contact: Contact, addresses: Sequence[Address]) -> Sequence[Address]:
            del contact, addresses
            return [victim]

        asker.ask = ask
        path = await asker.meets(asked)
        assert (0, 1) == (path.punches, path.failed_punches)
        assert [] == harmed


async def test_relay_that_lies() -> None:
    """This machine is not the other node, even if a relay says that it sees it here."""
    async with (
        two(own_host="44.1.1.1", times=8) as (asker, asked),
        listener() as (local, harmed),
    ):

        async def ask(contact: Contact, addresses: Sequence[Address]) -> Sequence[Address]:
            del contact, addresses
            return [local]

        asker.ask = ask
        assert 1 == (await asker.meets(asked)).failed_punches
        with pytest.raises(Busy):
            await asked.punching.invited(HERE, [local])
        assert [] == harmed


async def test_asked_one_refuses() -> None:
    """A refusal is no sign of what routers do: it is tried again, after a while."""
    async with two() as (asker, asked):
        asked.is_on = False
        path = await asker.meets(asked)
        assert (0, 0) == (path.punches, path.failed_punches)
        asker.try_to_meet(asked)
        assert not path.is_punching
        asker.ask = nobody
        asker.clock.late += BUSY_S
        await asker.meets(asked)
        assert (0, 0) == (path.punches, path.failed_punches)
        assert path.punch_at > asker.clock.seconds()


async def test_off() -> None:
    """With punch = false nobody is asked and nobody is dialled; what is set anew holds at once."""
    async with two() as (asker, asked):
        asker.is_on = False
        assert not asker.try_to_meet(asked).is_punching
        asker.is_on = True
        asker.try_to_meet(asked, None)
        assert not asked.path.is_punching
        assert 1 == (await asker.meets(asked)).punches


async def test_switched_off_while_asked() -> None:
    """Who is switched off, or stopped, while it looks at its own port does not dial any more."""
    async with bad_relay(b"") as (relay, _), two(relays=[relay], times=8) as (_, asked):
        for is_stopped in (False, True):
            invited = Deferred.fromCoroutine(asked.punching.invited(HERE, [Address(HERE, 9)]))
            if is_stopped:
                await asked.punching.stop()
            asked.is_on = is_stopped
            with pytest.raises(Busy, match="any more"):
                await invited
            asked.is_on = True
            assert not asked.punching._standing_by


async def test_invitations_are_bounded() -> None:
    """So many of one host, and so many in all; each one that is over makes room."""
    async with two() as (_, asked):
        punching, far = asked.punching, Address(HERE, 9)
        for _ in range(MOST_INVITED_PER_HOST):
            await punching.invited(HERE, [far])
        with pytest.raises(Busy):
            await punching.invited(HERE, [far])
        for number in range(2, 100):
            host = f"127.0.0.{number}"
            if punching._invited.total() == MOST_AT_ONCE:
                break
            await punching.invited(host, [Address(host, 9)])
        with pytest.raises(Busy):
            await punching.invited("127.0.0.200", [Address("127.0.0.200", 9)])
        # Own attempts are not crowded out by those of others.
        other = End()
        punching.wanted(other.contact, other.path, SEEN)
        await until(lambda: not other.path.is_punching)
        assert other.path.punch_at > 0
        punching.network_changed()
        await until(lambda: not punching._invited)
        await punching.invited(HERE, [far])


async def test_attempts_are_bounded() -> None:
    """So many at once, one for each node; and so many connections to one."""
    async with two() as (asker, _):
        others = [End() for _ in range(MOST_AT_ONCE + 1)]
        asker.ask = lambda *_: Deferred()
        for other in [*others, *others]:
            asker.try_to_meet(other)
        assert MOST_AT_ONCE == sum(other.path.is_punching for other in others)
        assert MOST_AT_ONCE == len(asker.punching._trying)

    async with two() as (asker, asked):
        for number in range(MOST_PUNCHED + 1):
            await asker.meets(asked)
            assert min(number + 1, MOST_PUNCHED) == len(asked.path.punched)
            asker.clock.late += 60


@pytest.mark.parametrize("stage", ["look", "ask", "strike", "prove"])
@pytest.mark.parametrize("how", ["stop", "network_changed"])
async def test_ends_in_the_middle(stage: str, how: str) -> None:
    """
    A stop ends it wherever it is, and leaves nothing behind; so does another network, in which it
    may be tried anew at once.
    """
    asking: list[Any] = []
    strangers: list[Any] = []

    async def ask(contact: Contact, addresses: Sequence[Address]) -> Sequence[Address]:
        del contact
        asking.append(addresses)
        if stage == "prove" and not strangers:
            strangers.append(await stranger_at(addresses[0]))
        return await Deferred() if stage == "ask" else [Address(HERE, 9)]

    async with bad_relay(b"") as (silent, port):
        async with two(deadline_s=60) as (asker, asked):
            asker.ask = ask
            asker.relays = [silent] if stage == "look" else []
            path = asker.try_to_meet(asked)
            await until(
                {
                    "look": lambda: port.open,
                    "ask": lambda: asking,
                    "strike": lambda: asking,
                    "prove": lambda: strangers and strangers[0].heard,
                }[stage]
            )
            assert path.is_punching
            if how == "stop":
                await asker.punching.stop()
            else:
                asker.punching.network_changed()
                await until(lambda: not path.is_punching)
            assert not path.is_punching
            assert (stage == "look") is not bool(asking)
            assert (0, 0) == (path.punches, path.failed_punches)
            asker.try_to_meet(asked)
            assert (how == "network_changed") is path.is_punching
        await until(lambda: not port.open)
        await until(lambda: all(one.is_lost for one in strangers))


async def test_ends_at_any_moment() -> None:
    """There is no moment at which an end is not noticed: no dialling goes on."""
    async with two() as (asker, asked):

        async def ask(contact: Contact, addresses: Sequence[Address]) -> Sequence[Address]:
            del contact, addresses
            return [Address(HERE, 9)]

        asker.ask = ask
        for turns in range(60):
            path = asker.try_to_meet(asked)
            for _ in range(turns % 20):
                await deferLater(reactor, 0)
            asker.punching.network_changed()
            await until(lambda path=path: not path.is_punching)
        assert 0 == path.failed_punches


async def test_asker_hangs_up_while_asked() -> None:
    """If whoever asks is gone before the answer, nothing is dialled for him."""
    async with bad_relay(b"") as (silent, port), two(relays=[silent]) as (_, asked):
        invited = Deferred.fromCoroutine(asked.punching.invited(HERE, [Address(HERE, 9)]))
        await until(lambda: port.open)
        invited.cancel()
        invited.addErrback(lambda _: None)
        await until(lambda: not asked.punching._invited)
        assert not asked.punching._standing_by
        await until(lambda: not port.open)


async def test_no_address() -> None:
    """A node that does not know where it can be dialled does not ask for it."""
    async with two() as (asker, asked):
        asker.punching._places = lambda _: []
        path = await asker.meets(asked)
        assert (0, 0) == (path.punches, path.failed_punches)
        asked.punching._places = lambda _: []
        with pytest.raises(Busy, match="does not know where"):
            await asked.punching.invited(HERE, [Address(HERE, 9)])
