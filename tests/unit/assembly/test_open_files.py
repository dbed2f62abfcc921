"""The limit of open files: as high as the settings need, as far as the system lets it."""

import resource
import subprocess
import sys

import pytest

from reticulum.assembly.open_files import needed
from reticulum.settings.sections import HttpSettings, ReachSettings, Settings

_CHILD = """
import resource
from reticulum.assembly.open_files import allow_open_files
from reticulum.settings.sections import Settings
allow_open_files(Settings())
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize("hard", [2_000, 100_000])
def test_the_limit_is_raised_as_far_as_it_goes(hard: int) -> None:
    """A process that begins with 1,024, as most do, has what it needs, or all it can have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard = hard if most == resource.RLIM_INFINITY else min(hard, most)
    limits = (min(1_024, hard), hard)
    ran = subprocess.run(
        [sys.executable, "-c", _CHILD],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limits),
    )
    assert [min(needed(Settings()), hard), hard] == [int(each) for each in ran.stdout.split()]


def test_more_is_needed_for_more() -> None:
    """Connections and relayed nodes count."""
    more = Settings(http=HttpSettings(max_connections=5_000), reach=ReachSettings(relay_nodes=999))
    assert needed(more) > needed(Settings()) > 2 * Settings().http.max_connections
