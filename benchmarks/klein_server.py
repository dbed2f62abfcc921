"""
The bare limit of cached hits: klein and nothing else, answering equal bytes under equal URLs.

It says Content-Length and keeps no access log, as the node does: Twisted's access log alone would
take an eighth of its time, and make the node look better than it is. The node may come above it
all the same, because it need not go through klein for every request.

Run as a script: `klein_server.py PORT FOLDER`; the folder holds one file a URL, named by
`file_name`.
"""

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from processes import free_port, serving


def file_name(path: str) -> str:
    """Where the body for a URL's path is kept in the folder."""
    return path.strip("/").replace("/", "~")


@contextlib.contextmanager
def bare_klein(bodies: Path, log: Path) -> Iterator[str]:
    """
    Run this script until the block ends; yields its URL.

    Raises:
        Unavailable: It could not be started.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with serving([sys.executable, __file__, str(port), bodies], f"{url}/ready", log):
        yield url


def main(port: int, folder: Path) -> None:
    """Serve until terminated, on the reactor that the node uses."""
    from twisted.internet import asyncioreactor  # noqa: PLC0415  (before any other reactor)

    asyncioreactor.install(asyncio.new_event_loop())
    from klein import Klein  # noqa: PLC0415  (imports the reactor)
    from twisted.internet import reactor  # noqa: PLC0415
    from twisted.web.server import Site  # noqa: PLC0415

    bodies = {path.name: path.read_bytes() for path in folder.iterdir()}
    app = Klein()

    @app.route("/image/<image_id>/<spec>/<name>")
    def image(request: object, image_id: str, spec: str, name: str) -> bytes:
        body = bodies[f"image~{image_id}~{spec}~{name}"]
        request.setHeader(b"Content-Type", b"image/jpeg")
        request.setHeader(b"Content-Length", str(len(body)).encode())
        return body

    @app.route("/ready")
    def ready(_request: object) -> bytes:
        return b"yes"

    site = Site(app.resource())
    site.log = lambda _request: None
    reactor.listenTCP(port, site, interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
