"""The real miniupnpd on a router of the lab: maps ports by UPnP, NAT-PMP and PCP."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from namespaces import Router, which
from processes import until

TABLE = "mapped_ports"
_RULES = """
table inet {table} {{
  chain mapped_pass {{ }}
  chain mapped_in {{ }}
  chain mapped_out {{ }}
  chain forward {{ type filter hook forward priority 0; policy accept; jump mapped_pass; }}
  chain prerouting {{ type nat hook prerouting priority -110; policy accept; jump mapped_in; }}
  chain postrouting {{ type nat hook postrouting priority 90; policy accept; jump mapped_out; }}
}}
"""
_CONF = """
ext_ifname=wan
listening_ip=lan
port={http_port}
enable_upnp={upnp}
enable_natpmp={natpmp}
min_lifetime=1
max_lifetime={lease_s}
secure_mode=yes
system_uptime=no
notify_interval=60
uuid=12345678-90ab-cdef-1234-567890abcdef
lease_file={folder}/leases
upnp_table_name={table}
upnp_nat_table_name={table}
upnp_forward_chain=mapped_pass
upnp_nat_chain=mapped_in
upnp_nat_postrouting_chain=mapped_out
allow 1-65535 {lan} 1-65535
deny 0-65535 0.0.0.0/0 0-65535
"""


@contextlib.contextmanager
def port_mapping(
    router: Router,
    folder: Path,
    *,
    upnp: bool = True,
    natpmp: bool = True,
    lease_s: int = 86_400,
) -> Iterator["subprocess.Popen[bytes]"]:
    """
    Have a router map ports for whoever is behind it and asks.

    Args:
        router: One that lets in what is mapped: any kind but address-restricted.
        folder: For the daemon's files; its log is `miniupnpd.log`.
        upnp: Whether it speaks UPnP IGD.
        natpmp: Whether it speaks NAT-PMP and PCP.
        lease_s: The longest that it grants, by PCP; at least 1.
    """
    program = which("miniupnpd")
    assert program, "requires_lab('miniupnpd') is missing"
    router.namespace.run("nft", "-f", "-", given=_RULES.format(table=TABLE))
    conf, log = folder / "miniupnpd.conf", folder / "miniupnpd.log"
    (folder / "leases").touch()
    conf.write_text(
        _CONF.format(
            http_port=5000,
            upnp="yes" if upnp else "no",
            natpmp="yes" if natpmp else "no",
            lease_s=lease_s,
            folder=folder,
            table=TABLE,
            lan=router.lan.network,
        )
    )
    words = [program, "-d", "-f", str(conf), "-P", str(folder / "miniupnpd.pid")]
    with log.open("wb") as out:
        daemon = subprocess.Popen(
            [*router.namespace.prefix, *words], stdout=out, stderr=out, stdin=subprocess.DEVNULL
        )
    # What it says last before it is ready.
    ready = "Listening for NAT-PMP" if natpmp else "HTTP listening"
    try:
        until(lambda: ready in log.read_text(errors="replace"), "miniupnpd listens", 10)
        yield daemon
    finally:
        daemon.kill()
        daemon.wait()
        router.namespace.run("nft", "delete", "table", "inet", TABLE)
