"""How many files and sockets this process may have open."""

import resource

from twisted.logger import Logger

from reticulum.settings.sections import Settings

PER_CONNECTION = 2
"""A connection, and the file that is sent over it."""
PER_RELAYED_NODE = 5
"""An anchor and up to four spares."""
CIRCUITS = 512
PER_CIRCUIT = 2
OTHERS = 1_024
"""Other nodes, worker processes, the disk."""

_log = Logger()


def needed(settings: Settings) -> int:
    """As many as all that *settings* allow may take at once."""
    return (
        PER_CONNECTION * settings.http.max_connections
        + PER_RELAYED_NODE * settings.reach.relay_nodes
        + PER_CIRCUIT * CIRCUITS
        + OTHERS
    )


def allow_open_files(settings: Settings) -> None:
    """Raise this process's own limit to what it needs, as far as the system lets it."""
    wanted = needed(settings)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    if most < wanted:
        _log.warn(
            "node.few_open_files allowed={allowed} wanted={wanted}: raise the limit of open files "
            "(LimitNOFILE, ulimit -n), or lower max_connections or relay_nodes",
            allowed=max(soft, most),
            wanted=wanted,
        )
