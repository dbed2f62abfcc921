"""Churn: every node comes and goes, session by session."""

import random

from twisted.internet.defer import Deferred

from reticulum.testing.simulator.grid import Grid
from reticulum.testing.simulator.member import Member
from reticulum.testing.simulator.sessions import Session


class Churn:
    """
    Kills nodes when their sessions end, and starts them again when their absence does.

    Args:
        grid: Whose nodes; its first one, which is everybody's entrance, stays.
        session: How long nodes run.
        absence: How long they are away.
        random_: For both.
        goodbye: Share of sessions that end with SIGTERM and not with SIGKILL, 0 to 1.
    """

    def __init__(
        self,
        grid: Grid,
        *,
        session: Session,
        absence: Session,
        random_: random.Random,
        goodbye: float = 0.0,
    ) -> None:
        self._grid = grid
        self._session = session
        self._absence = absence
        self._random = random_
        self._goodbye = goodbye
        self._going_on = False
        self.ended = 0
        """Sessions so far."""

    def begin(self) -> None:
        """Begin: every node is somewhere in a session."""
        self._going_on = True
        for member in self._grid.members[1:]:
            # What is left of a session that is met at a random moment.
            rest_s = self._session(self._random) * self._random.random()
            self._grid.clock.callLater(rest_s, self._leave, member)

    def end(self) -> None:
        """Leave everybody as they are."""
        self._going_on = False

    def _leave(self, member: Member) -> None:
        if not self._going_on:
            return
        self.ended += 1
        if self._random.random() < self._goodbye:
            Deferred.fromCoroutine(member.stop())
        else:
            member.kill()
        self._grid.clock.callLater(self._absence(self._random), self._come, member)

    def _come(self, member: Member) -> None:
        if self._going_on:
            Deferred.fromCoroutine(member.start())
            self._grid.clock.callLater(self._session(self._random), self._leave, member)
