"""Run as a process of its own: a program that ends with whoever started it, SIGKILL included."""

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def main(parent: int, program: list[str]) -> None:
    """Bind this process to the life of *parent* and become *program*."""
    if sys.platform == "linux":
        # It outlasts the exec; SIGTERM lets the node stop as it should.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(program[0], program)  # noqa: S606  (there is no shell in between)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
