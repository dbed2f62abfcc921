"""All that can be found out about one image, as an operator wants to see it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs

from reticulum.interfaces import Hints, Peers
from reticulum.model import Contact, Holding, ImageId, Key, Member, NodeId
from reticulum.replication.asking import ask
from reticulum.replication.health import Copy, Health, zones
from reticulum.replication.here import Here
from reticulum.replication.tending import Tending
from reticulum.replication.verdict import Condition, Verdict, judge

Find = Callable[[Key, frozenset[NodeId]], Awaitable[Sequence[Contact]]]
"""Looks up who says that he holds the image with a key, without some."""

MOST_DEBTS = 100_000
"""Debts to one node that are looked through."""


@attrs.frozen(kw_only=True)
class Findings:
    """
    One image, examined.

    Args:
        health: Those who should have it.
        damaged: Nodes of these whose bytes turned out not to match.
        elsewhere: Nodes that should not have it, and do.
        verdict: What it amounts to.
        owed: Nodes that this one is still to give it to.
        verified: Whether bytes were read.
    """

    health: Health
    damaged: frozenset[NodeId]
    elsewhere: tuple[Contact, ...]
    verdict: Verdict
    owed: tuple[NodeId, ...]
    verified: bool

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to repair, or nothing to repair it from."""
        return self.verdict.condition not in {Condition.SHORT, Condition.RECOVERABLE}


@attrs.frozen(kw_only=True)
class Examining:
    """
    Asks those who should have an image; if that is not enough, those who say they have it.

    Args:
        own: This node, as others see it, now.
        here: The copies on this node.
        tending: Knows who should have what.
        peers: The other nodes.
        hints: Debts of this node.
        find: Looks up who else has an image.
        damaged: Told of an image that turned out to be damaged here.
    """

    _own: Callable[[], Member]
    _here: Here
    _tending: Tending
    _peers: Peers
    _hints: Hints
    _find: Find
    _damaged: Callable[[ImageId], None]

    async def __call__(self, image_id: ImageId, *, verify: bool = False) -> Findings:
        """
        Look at one image; changes nothing but that damaged bytes go into quarantine.

        Args:
            image_id: Of it.
            verify: The bytes are to be read, by every node that has it. A node that read them
                within a day, and whose file has not changed since, does not do so again.
        """
        health = await self._tending.health(image_id)
        damaged: frozenset[NodeId] = frozenset()
        if verify:
            before, health = health, await self._tending.health(image_id, verify=True)
            damaged = _ids(before.holders) & _ids(
                copy for copy in health.copies if copy.holding is Holding.ABSENT
            )
            if self._own().node_id in damaged:
                self._damaged(image_id)
        elsewhere = () if health.is_whole else await self._elsewhere(health, verify=verify)
        return Findings(
            health=health,
            damaged=damaged,
            elsewhere=elsewhere,
            verdict=judge(health, elsewhere, is_deleted=self._here.is_deleted(image_id)),
            owed=self._owed(image_id),
            verified=verify,
        )

    def told(self, findings: Findings) -> dict[str, Any]:
        """In values that JSON can hold."""
        health = findings.health
        should = _ids(health.keepers)
        own = self._own().node_id
        return {
            "id": str(health.image_id),
            "verdict": findings.verdict.condition.value,
            "text": findings.verdict.text,
            "wanted": health.wanted,
            "live": sum(copy.has for copy in health.keepers),
            "zones": zones([copy for copy in health.keepers if copy.has]),
            "nodes": [
                {
                    "id": str(copy.member.node_id),
                    "address": None if copy.member.node_id == own else _address(copy.member),
                    "relay": _relay(copy.member.contact),
                    "here": copy.member.node_id == own,
                    "zone": copy.member.zone,
                    "shelf": copy.member.shelf.name.lower(),
                    "should": copy.member.node_id in should,
                    "state": _state(copy, findings.damaged),
                    "silent_s": copy.member.silent_s,
                }
                for copy in health.copies
            ],
            "elsewhere": [
                {
                    "id": str(contact.node_id),
                    "address": str(contact.address),
                    "relay": _relay(contact),
                }
                for contact in findings.elsewhere
            ],
            "owed": [str(node_id) for node_id in findings.owed],
            "verified": findings.verified,
        }

    async def _elsewhere(self, health: Health, *, verify: bool) -> tuple[Contact, ...]:
        image_id, own = health.image_id, self._own()
        asked = {copy.member.node_id for copy in health.copies}
        found: list[Contact] = []
        if own.node_id not in asked and await self._here.holding(image_id) is Holding.HELD:
            found.append(own.contact)
        without = frozenset(asked | {own.node_id})
        others = [
            contact
            for contact in await self._find(Key.of_image(image_id), without)
            if contact.node_id not in without
        ]
        said = await ask(self._peers, {one: [image_id] for one in others}, verify=verify)
        has = {Holding.HELD, Holding.VERIFIED}
        return (*found, *(one for one in others if said.get((one.node_id, image_id)) in has))

    def _owed(self, image_id: ImageId) -> tuple[NodeId, ...]:
        if not self._hints.owed(image_id):
            return ()
        hints = self._hints
        return tuple(
            node_id for node_id in hints.creditors() if image_id in hints.of(node_id, MOST_DEBTS)
        )


def _ids(copies: Any) -> frozenset[NodeId]:
    return frozenset(copy.member.node_id for copy in copies)


def _address(member: Member) -> str:
    return str(member.contact.address)


def _relay(contact: Contact) -> str | None:
    return None if contact.via is None else str(contact.via)


def _state(copy: Copy, damaged: frozenset[NodeId]) -> str:
    if copy.member.node_id in damaged:
        return "damaged"
    return "silent" if copy.holding is None else copy.holding.value
