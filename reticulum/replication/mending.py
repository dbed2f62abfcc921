"""Mending one image now, because a person asked for it, whoever's turn it would be."""

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from reticulum.errors import HolderFailed
from reticulum.interfaces import Peers
from reticulum.model import Contact, Holding, NodeId
from reticulum.replication.examining import Examining, Findings
from reticulum.replication.handover import Handover
from reticulum.replication.here import Here
from reticulum.replication.tending import Tending

NUDGED_S = 10.0
"""A holder that is told to look after an image has so long; it may have done so lately."""
LOOK_S = 1.0

_log = Logger()


@attrs.frozen(kw_only=True)
class Mending:
    """
    Brings one image to where it belongs.

    Args:
        own: The id of this node.
        here: The copies on this node.
        examining: Finds who has it.
        tending: Gives to whoever lacks it.
        handover: Gets it from others.
        peers: The other nodes.
        clock: For pauses.
    """

    _own: NodeId
    _here: Here
    _examining: Examining
    _tending: Tending
    _handover: Handover
    _peers: Peers
    _clock: IReactorTime

    async def __call__(self, findings: Findings) -> Findings:
        """
        Do what can be done.

        Args:
            findings: What is so.

        Returns:
            What is so afterwards.

        Raises:
            NoSpace: The disk of this node is full.
        """
        image_id = findings.health.image_id
        if findings.is_over:
            return findings
        is_here = await self._here.holding(image_id) is Holding.HELD
        if not is_here and not findings.health.keeps(self._own) and findings.health.holders:
            findings = await self._have_it_done(findings)
            if findings.is_over:
                return findings
        if is_here or await self._fetch(findings):
            # One too many, if this node should not have it, is let go of in the same step.
            await self._tending.tend([image_id], eager=True)
        return await self._examining(image_id)

    async def _have_it_done(self, findings: Findings) -> Findings:
        """Tell the first live holder, and wait for it."""
        image_id = findings.health.image_id
        contact = findings.health.holders[0].member.contact
        try:
            await self._peers.nudge(contact, image_id)
        except HolderFailed as error:
            _log.info("mend.unheard node={node} reason={reason}", node=contact, reason=str(error))
            return findings
        until = self._clock.seconds() + NUDGED_S
        while not findings.is_over and self._clock.seconds() < until:
            await deferLater(self._clock, LOOK_S)
            findings = await self._examining(image_id)
        return findings

    async def _fetch(self, findings: Findings) -> bool:
        holders = [copy.member.contact for copy in findings.health.holders]
        for contact in self._others([*holders, *findings.elsewhere]):
            if await self._handover.get(contact, findings.health.image_id):
                return True
        return False

    def _others(self, contacts: list[Contact]) -> list[Contact]:
        return [contact for contact in contacts if contact.node_id != self._own]
