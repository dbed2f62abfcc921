"""Who does not discover does not pay."""

import subprocess
import sys


def test_the_library_is_loaded_by_who_opens_a_socket() -> None:
    """Neither the command line nor a node at its start loads the multicast DNS library."""
    program = (
        "import sys\n"
        "import reticulum.reach.discovery.adapters\n"
        "import reticulum.reach.discovery.lan_discovery\n"
        "import reticulum.reach.discovery.mdns\n"
        "import reticulum.assembly\n"
        "import reticulum.cli.main\n"
        "print({'zeroconf', 'ifaddr'} & set(sys.modules))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "set()\n" == ran.stdout
