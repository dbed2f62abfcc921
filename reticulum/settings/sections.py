"""Every setting an operator has, with its default, its meaning and its bounds."""

from collections.abc import Iterator
from typing import Any

import attrs
from attrs import validators as v

from reticulum.model import HashName, Write


def _setting(default: Any, help_: str, *, live: bool = False, validator: Any = None) -> Any:
    """
    Declare one setting; the documentation and the commented file are made from these.

    Args:
        default: Value when nobody says otherwise.
        help_: For the operator: meaning, unit, what the special values do.
        live: Whether SIGHUP can change it in a running node.
        validator: Of attrs.
    """
    if isinstance(default, list):
        factory = attrs.Factory(lambda: tuple(default))
        return attrs.field(
            default=factory,
            converter=tuple,
            validator=validator,
            metadata={"help": help_, "live": live, "default": default},
        )
    return attrs.field(
        default=default,
        validator=validator,
        metadata={"help": help_, "live": live, "default": default},
    )


@attrs.frozen(kw_only=True)
class NodeSettings:
    """The node itself."""

    data: str = _setting(
        "reticulum-data",
        "Directory for everything the node keeps. In a file, a relative path starts from the "
        "file's own folder; elsewhere from the current directory.",
        validator=v.min_len(1),
    )
    zone: str = _setting(
        "",
        "Name for what fails together with this node: a rack, a site. Copies go to "
        "different zones.",
        validator=v.matches_re(r"[\w.-]{0,64}"),
    )


@attrs.frozen(kw_only=True)
class HttpSettings:
    """HTTP for people: uploads and pictures."""

    listen: str = _setting(
        "tcp:8080:interface=127.0.0.1",
        "Where to listen, as a Twisted server endpoint string.",
        validator=v.min_len(1),
    )
    upload_keys: tuple[str, ...] = _setting(
        [],
        "Keys that allow uploading, deleting and listing. Empty: no key is asked for, which a "
        "node refuses on anything but loopback.",
        live=True,
        validator=v.deep_iterable(v.matches_re(r"[!-~]{8,256}")),
    )
    open_uploads: bool = _setting(
        False,
        "Set to true to let the whole world upload and delete, on purpose.",
    )
    max_upload_bytes: int = _setting(
        50_000_000, "The largest original taken, in bytes.", live=True, validator=v.ge(1)
    )
    max_uploads: int = _setting(
        64,
        "Uploads under way at once; one more is told to come back.",
        live=True,
        validator=v.ge(1),
    )
    max_connections: int = _setting(
        2_000, "Connections open at once; one more is closed at once.", live=True, validator=v.ge(1)
    )
    idle_timeout_s: int = _setting(
        60, "A connection that sends nothing for so many seconds is closed.", validator=v.ge(1)
    )
    upload_deadline_s: int = _setting(
        1_800, "An upload must be complete within so many seconds.", live=True, validator=v.ge(1)
    )
    drain_s: int = _setting(
        30,
        "After SIGTERM, requests under way get so many seconds to finish.",
        live=True,
        validator=v.ge(0),
    )


@attrs.frozen(kw_only=True)
class PeerSettings:
    """Other nodes of the grid."""

    address: str = _setting(
        "*:4160",
        "HOST:PORT for other nodes, one number for UDP and TCP; 0 is any that is free. The host * "
        "is every address of the machine, IPv4 and IPv6; 0.0.0.0 is IPv4 alone. If nothing is "
        "said and 4160 is taken, another number is. Strangers get no answer there.",
        validator=v.matches_re(r"(\*|\[[0-9A-Fa-f:.]+\]|[0-9.]+):\d{1,5}"),
    )
    entrances: tuple[str, ...] = _setting(
        [],
        "HOST:PORT of nodes to find the grid by, names allowed. An invite brings some.",
        validator=v.deep_iterable(v.matches_re(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+):\d{1,5}")),
    )


@attrs.frozen(kw_only=True)
class ReachSettings:
    """How other nodes reach this one, and how it helps others to be reached."""

    map_ports: bool = _setting(
        True,
        "Ask the router (PCP, NAT-PMP, UPnP) to pass the peer port on to this node. Not done if "
        "the address in [peer] is one of loopback.",
    )
    relay: bool = _setting(
        True,
        "Pass bytes on to nodes that nobody can dial, while this one can be dialled itself. It "
        "can't read them.",
        live=True,
    )
    relay_nodes: int = _setting(
        256, "Nodes to relay for, at once.", live=True, validator=[v.ge(1), v.le(4096)]
    )
    relay_bytes_per_s: int = _setting(
        125_000_000,
        "Bytes a second relayed for one member, both directions together.",
        live=True,
        validator=v.ge(10_000),
    )
    punch: bool = _setting(
        True,
        "Try to connect directly to nodes that are reached through a relay.",
        live=True,
    )
    discover: bool = _setting(
        True,
        "Find nodes of this grid on the local network, and be found by them, by multicast DNS. "
        "Only the grid's public fingerprint, this machine's addresses there and the peer port are "
        "told. Not done if the address in [peer] is one of loopback.",
    )


@attrs.frozen(kw_only=True)
class StorageSettings:
    """Originals."""

    hash: HashName = _setting(
        HashName.SHA256,
        'Hash that ids of new images are made with: "sha256", or "sha1" to keep the ids of an '
        "existing thraxil/reticulum or Apomixis site.",
    )


@attrs.frozen(kw_only=True)
class ReplicationSettings:
    """Copies of originals on other nodes; the same on every node of a grid."""

    copies: int = _setting(
        3,
        "Nodes that keep each image, in different zones where there are enough.",
        validator=[v.ge(1), v.le(16)],
    )
    write: Write = _setting(
        Write.QUORUM,
        'When an upload is answered with success: "one" copy safe on disk, a "quorum" (more than '
        'half of the copies), or "all". A request can ask for another with ?write=.',
        live=True,
    )
    strict: bool = _setting(
        False,
        "Answer 503, and not 202, when too few nodes confirmed an upload in time. The image stays "
        "where it is in either case, and goes on being copied.",
        live=True,
    )
    write_timeout_s: float = _setting(
        3.0,
        "Seconds an upload waits for other nodes.",
        live=True,
        validator=[v.gt(0), v.le(300)],
    )
    store: bool = _setting(
        True,
        "Set to false for a node that keeps no copies: it takes uploads and serves, and hands on "
        "whatever it holds.",
        live=True,
    )
    reserve_bytes: int = _setting(
        1_000_000_000,
        "Free space, in bytes, that copies from other nodes leave alone; a twentieth of the disk "
        "if that is less.",
        validator=v.ge(0),
    )
    grace_s: float = _setting(
        900.0,
        "Seconds a silent node still counts as a keeper of its images; then others take over.",
        validator=v.ge(1),
    )
    census_s: float = _setting(
        43_200.0,
        "Seconds in which a node compares all it holds with the other keepers, once.",
        validator=v.ge(10),
    )
    scrub_s: float = _setting(
        2_419_200.0,
        "Seconds in which a node reads all it holds and checks every byte, once; a sixth more or "
        "less, by chance.",
        validator=v.ge(10),
    )
    upkeep_share: float = _setting(
        0.04,
        "Share of one core that census, scrub and repair may take together, about.",
        validator=[v.gt(0), v.le(1)],
    )


@attrs.frozen(kw_only=True)
class CacheSettings:
    """Renditions kept on disk."""

    max_bytes: int = _setting(
        5_000_000_000,
        "Renditions kept, in bytes; the least recently used go first. 0 keeps none.",
        live=True,
        validator=v.ge(0),
    )


@attrs.frozen(kw_only=True)
class ImagingSettings:
    """Decoding and rendering, in worker processes that can be killed."""

    workers: int = _setting(0, "Worker processes. 0 means one a core.", validator=v.ge(0))
    queue: int = _setting(
        256, "Images that may wait for a worker; one more is told to come back.", validator=v.ge(1)
    )
    deadline_s: float = _setting(
        20.0, "Seconds one image may take before its worker is killed.", validator=v.gt(0)
    )
    memory_bytes: int = _setting(
        2_000_000_000,
        "Address space of one worker, in bytes.",
        validator=v.ge(200_000_000),
    )
    max_pixels: int = _setting(
        100_000_000, "The largest picture decoded: width times height, in px.", validator=v.ge(1)
    )
    max_frames: int = _setting(
        2_000, "The longest animation decoded, in frames.", validator=v.ge(1)
    )
    max_total_pixels: int = _setting(
        400_000_000,
        "The largest animation decoded: width times height times frames, in px.",
        validator=v.ge(1),
    )
    max_output_pixels: int = _setting(
        100_000_000, "The largest rendition made: width times height, in px.", validator=v.ge(1)
    )


@attrs.frozen(kw_only=True)
class Settings:
    """Everything an operator can set, by section."""

    node: NodeSettings = attrs.field(factory=NodeSettings)
    http: HttpSettings = attrs.field(factory=HttpSettings)
    peer: PeerSettings = attrs.field(factory=PeerSettings)
    reach: ReachSettings = attrs.field(factory=ReachSettings)
    storage: StorageSettings = attrs.field(factory=StorageSettings)
    replication: ReplicationSettings = attrs.field(factory=ReplicationSettings)
    cache: CacheSettings = attrs.field(factory=CacheSettings)
    imaging: ImagingSettings = attrs.field(factory=ImagingSettings)


def declared() -> Iterator[tuple["attrs.Attribute[Any]", "attrs.Attribute[Any]"]]:
    """Every setting with its section, in the order of the file."""
    for section in attrs.fields(Settings):
        assert section.type is not None  # noqa: S101  (for mypy: every section is annotated)
        for field in attrs.fields(section.type):
            yield section, field
