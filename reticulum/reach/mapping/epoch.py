"""The clock of a gateway: does it show that the gateway has forgotten its mappings?"""

import attrs


@attrs.define
class EpochWatch:
    """
    Compares the gateway's clock with ours (RFC 6887 section 8.5).

    Both are in seconds, from any start. The gateway's begins anew when it loses its table.
    """

    _ours_s: float | None = None
    _theirs_s: int = 0

    def goes_on(self, theirs_s: int, ours_s: float) -> bool:
        """
        Note both clocks as they are now.

        Returns:
            False if the gateway's has not gone on since the last time as it should have.
        """
        last_ours_s, last_theirs_s = self._ours_s, self._theirs_s
        self._ours_s, self._theirs_s = ours_s, theirs_s
        if last_ours_s is None:
            return True
        if theirs_s < last_theirs_s - 1:
            return False
        ours, theirs = ours_s - last_ours_s, theirs_s - last_theirs_s
        return ours + 2 >= theirs * 15 / 16 and theirs + 2 >= ours * 15 / 16
