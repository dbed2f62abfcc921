"""The real `reticulum` command against a real node."""

import datetime as dt
import http.server
import json
import os
import pty
import re
import select
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pictures
import processes
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

KEY = "correct-horse"
COMMAND = [sys.executable, "-m", "reticulum.cli.main"]
NOBODY = "sha256-" + "0" * 64


@attrs.frozen
class Ended:
    """How a run of the command ended."""

    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.decode().splitlines()

    @property
    def records(self) -> list[Any]:
        return [json.loads(line) for line in self.lines]


def reticulum(
    *arguments: object, folder: Path | None = None, environment: dict[str, str] | None = None
) -> Ended:
    """Run the command to its end, with no terminal anywhere; it must not print a traceback."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        check=False,
        cwd=folder,
        env=processes.surroundings(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=processes.PATIENCE_S * 2,
    )
    ended = Ended(done.returncode, done.stdout, done.stderr.decode())
    assert "Traceback" not in ended.err, ended.err
    return ended


@pytest.fixture
def ask(node: processes.Node, tmp_path: Path) -> Callable[..., Ended]:
    """The command, told about the file's node by the environment."""

    def run(*arguments: object) -> Ended:
        return reticulum(*arguments, folder=tmp_path, environment={"RETICULUM_NODE": node.url})

    return run


def photos(folder: Path, count: int) -> list[bytes]:
    """So many different photos in *folder*, 00.jpg and on."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = [pictures.photo(80 + place, 60, seed=place) for place in range(count)]
    for place, content in enumerate(contents):
        (folder / f"{place:02}.jpg").write_bytes(content)
    return contents


def test_folder_with_a_refused_file(ask: Callable[..., Ended], tmp_path: Path) -> None:
    """Every image of the folder is taken, the other file is told, and the code is 1."""
    photos(tmp_path / "album", 2)
    photos(tmp_path / "album" / "more", 1)
    (tmp_path / "album" / "99.jpg").write_bytes(b"this is text")
    (tmp_path / "album" / "notes.txt").write_bytes(b"so is this, but nobody takes it for a photo")

    ended = ask("put", "album", "--jobs", 3)

    assert 1 == ended.code
    assert 3 == len(ended.lines)
    assert all(re.fullmatch("sha256-[0-9a-f]{64}", line) for line in ended.lines)
    [complaint] = ended.err.splitlines()
    assert complaint.startswith("reticulum: album/99.jpg: the bytes are of no type")


def test_round_trip(ask: Callable[..., Ended], tmp_path: Path) -> None:
    """What is put comes back byte for byte: into a file, into a pipe, by the bare digest."""
    [content] = photos(tmp_path, 1)
    [image_id] = ask("put", "00.jpg").lines

    saved = ask("get", image_id)
    piped = ask("get", image_id.removeprefix("sha256-"), "-o", "-")

    assert (0, [f"{image_id}.jpg"], "") == (saved.code, saved.lines, saved.err)
    assert content == (tmp_path / f"{image_id}.jpg").read_bytes()
    assert (0, content, "") == (piped.code, piped.out, piped.err)


def test_rendition(ask: Callable[..., Ended], tmp_path: Path) -> None:
    """A size in other words than the canonical ones and another format come by redirection."""
    photos(tmp_path, 1)
    [image_id] = ask("put", "00.jpg").lines

    ended = ask("get", image_id, "-s", "30h40w", "-f", "jpeg", "-o", "thumb", "--json")
    webp = ask("get", image_id, "-s", "40w", "-f", "webp", "-o", "thumb.webp")

    assert 0 == ended.code == webp.code
    thumb = (tmp_path / "thumb").read_bytes()
    expected = {
        "id": image_id,
        "file": "thumb",
        "content_type": "image/jpeg",
        "bytes": len(thumb),
        "checked": False,
    }
    assert [expected] == ended.records
    assert (40, 30) == pictures.unpacked(thumb).size
    assert b"WEBP" == (tmp_path / "thumb.webp").read_bytes()[8:12]


def test_refused_get_leaves_no_file(ask: Callable[..., Ended], tmp_path: Path) -> None:
    """An unknown image and a bad size are told in the node's words."""
    photos(tmp_path, 1)
    [image_id] = ask("put", "00.jpg").lines

    unknown = ask("get", NOBODY)
    bad = ask("get", image_id, "-s", "nonsense")

    assert (1, 1) == (unknown.code, bad.code)
    assert NOBODY in unknown.err
    assert "nonsense" in bad.err
    assert ["00.jpg"] == [path.name for path in tmp_path.iterdir()]


def test_info_rm_and_status(
    ask: Callable[..., Ended], tmp_path: Path, node: processes.Node
) -> None:
    """Facts as the node has them; deleted means gone; a second deletion fails."""
    photos(tmp_path, 1)
    [put] = ask("put", "--json", "00.jpg").records
    image_id = put["id"]

    assert {"path": "00.jpg", "replicas": {"wanted": 3, "stored": 1}}.items() <= put.items()
    facts = node.get(f"/v1/images/{image_id}").json
    assert (0, [facts]) == (
        ask("info", "--json", image_id).code,
        ask("info", "--json", image_id).records,
    )
    assert f"id      {image_id}" == ask("info", image_id).lines[0]
    assert node.status()["node"]["id"] == ask("status", "--json").records[0]["node"]["id"]
    assert node.status()["node"]["id"] in ask("status").out.decode()

    gone = ask("rm", image_id)
    assert (0, [image_id]) == (gone.code, gone.lines)
    assert 404 == node.get(f"/v1/images/{image_id}").status
    again = ask("rm", "--json", image_id)
    assert (1, image_id) == (again.code, again.records[0]["id"])
    assert "error" in again.records[0]


def test_json_of_refusals(ask: Callable[..., Ended], tmp_path: Path) -> None:
    """A machine reads the reasons on standard output, one object a line."""
    (tmp_path / "bad.jpg").write_bytes(b"text")

    for arguments in (["put", "bad.jpg", "missing"], ["info", NOBODY], ["rm", NOBODY]):
        ended = ask(*arguments, "--json")
        assert 1 == ended.code
        assert all("error" in record for record in ended.records)
        assert len(arguments) - 1 == len(ended.records)


def test_many_at_once_in_order(ask: Callable[..., Ended], tmp_path: Path) -> None:
    """Uploads side by side give the ids in the order of the files."""
    photos(tmp_path / "album", 30)

    one_by_one = ask("put", "album", "-j", 1)
    together = ask("put", "album", "-j", 16)

    assert 0 == one_by_one.code == together.code
    assert 30 == len(one_by_one.lines)
    assert one_by_one.lines == together.lines


def test_large_file_in_flat_memory(ask: Callable[..., Ended], tmp_path: Path) -> None:
    """A file far beyond what the node takes is refused by its length, not read into memory."""
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(20_000_000_000)

    ended = ask("put", "large.png")

    assert 1 == ended.code
    assert "larger than the 50000000 bytes" in ended.err


def test_control_socket_needs_no_key(start_node: Any, tmp_path: Path) -> None:
    """On a node with keys, --data has the operator's rights; --node needs the key."""
    node = start_node(environment={"RETICULUM_HTTP_UPLOAD_KEYS": KEY})
    photos(tmp_path / "album", 3)
    album = tmp_path / "album"

    without = reticulum("put", album, "--node", node.url, "-j", 1)
    wrong = reticulum("put", album, "--node", node.url, "--key", "wrong-horse", "-j", 1)
    by_flag = reticulum("put", album, "--node", node.url, "--key", KEY)
    by_name = reticulum("put", album, "--node", node.url, environment={"RETICULUM_KEY": KEY})
    operator = reticulum("put", album, "--data", node.data)

    assert [1, 1, 0, 0, 0] == [ended.code for ended in (without, wrong, by_flag, by_name, operator)]
    assert "needs an upload key" in without.err
    assert "gave up: 2 more of 3 files not sent" in wrong.err
    assert by_flag.lines == by_name.lines == operator.lines
    assert 0 == reticulum("rm", *operator.lines, "--data", node.data).code
    assert 0 == reticulum("status", "--data", node.data).code


def test_nothing_listens(tmp_path: Path) -> None:
    """A thousand files on a node that is not there: one complaint, what to do, and soon."""
    for place in range(1000):
        (tmp_path / f"{place}.jpg").write_bytes(b"x")
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        put = reticulum("put", tmp_path, "--node", url)
        status = reticulum("status", "--node", url)
    missing = reticulum("status", "--data", tmp_path)

    assert [1, 1, 1] == [ended.code for ended in (put, status, missing)]
    assert 2 == len(put.err.splitlines())
    assert f"can't reach {url}: connection refused; start a node with" in put.err
    assert "--node URL or --data DIR" in status.err
    assert f"no node runs on {tmp_path}" in missing.err


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.0 200 OK\r\n\r\n<html>", b"HTTP/1.0 404 Nope\r\n\r\n"],
    ids=["ssh", "html", "404"],
)
def test_another_server_is_no_node(answer: bytes) -> None:
    """Whatever else listens there, the text says so."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        running = subprocess.Popen(
            [*COMMAND, "status", "--node", url],
            env=processes.surroundings(),
            stderr=subprocess.PIPE,
        )
        server.settimeout(processes.PATIENCE_S)
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(answer)
        _, err = running.communicate(timeout=processes.PATIENCE_S)

    assert 1 == running.returncode
    assert f"{url} is no Reticulum node" in err.decode()
    assert b"Traceback" not in err


def test_unknown_certificate(tmp_path: Path) -> None:
    """A certificate that nobody vouches for is refused, and one that we are told of is not."""
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = http.server.HTTPServer(("127.0.0.1", 0), Silent)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            url = f"https://localhost:{server.server_port}"
            unknown = reticulum("status", "--node", url)
            trusted = {"SSL_CERT_FILE": str(certificate)}
            known = reticulum("status", "--node", url, environment=trusted)
        finally:
            server.shutdown()
            serving.join()

    assert (1, 1) == (unknown.code, known.code)
    assert f"can't trust {url}: certificate verify failed" in unknown.err
    assert f"{url} is no Reticulum node: it answers 404" in known.err


class Silent(http.server.SimpleHTTPRequestHandler):
    """A server of no status, which keeps its log to itself."""

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


def self_signed(folder: Path) -> Path:
    """A key and a certificate for localhost, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return path


def test_output_that_nobody_takes(node: processes.Node, tmp_path: Path) -> None:
    """A closed pipe ends it in silence, as it does any filter; a full disk with the reason."""
    photos(tmp_path, 20)
    ends = []
    reader, writer = os.pipe()
    os.close(reader)
    for target in (writer, os.open("/dev/full", os.O_WRONLY)):
        done = subprocess.run(
            [*COMMAND, "put", str(tmp_path), "--node", node.url],
            check=False,
            env=processes.surroundings(),
            stdout=target,
            stderr=subprocess.PIPE,
            timeout=processes.PATIENCE_S,
        )
        os.close(target)
        ends.append((done.returncode, done.stderr))

    full = b"reticulum: can't write the results: No space left on device\n"
    assert [(1, b""), (1, full)] == ends


@pytest.mark.parametrize("arguments", [["put", "x.jpg"], ["get", NOBODY]], ids=["put", "get"])
def test_interrupted(tmp_path: Path, arguments: list[str]) -> None:
    """Ctrl+C in the middle of it ends with 130, one line and no debris."""
    (tmp_path / "x.jpg").write_bytes(b"x")
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        running = subprocess.Popen(
            [*COMMAND, *arguments, "--node", url],
            cwd=tmp_path,
            env=processes.surroundings(),
            stderr=subprocess.PIPE,
        )
        server.settimeout(processes.PATIENCE_S)
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            running.send_signal(signal.SIGINT)
            _, err = running.communicate(timeout=processes.PATIENCE_S)

    assert 130 == running.returncode
    assert b"reticulum: interrupted" == err.strip()
    assert ["x.jpg"] == [path.name for path in tmp_path.iterdir()]


def test_init_and_start(start_node: Any, tmp_path: Path) -> None:
    """The directory that init makes is one that a node starts on, with the id init told."""
    data = tmp_path / "new" / "data"

    made = reticulum("init", data, "--json")
    node = start_node(data=data)

    assert 0 == made.code
    assert made.records[0]["node_id"] == node.status()["node"]["id"]
    assert data == Path(made.records[0]["data"])


def test_init_modes(tmp_path: Path) -> None:
    """Keys and settings, which hold keys, are their owner's alone; the folder lets nginx in."""
    data = tmp_path / "data"

    ended = reticulum("init", data)

    assert 0 == ended.code
    assert f"twistd -n reticulum --data {data}" in ended.lines[-1]
    modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in data.iterdir()}
    assert {"reticulum.toml": "0o600", "node.key": "0o600", "grid.secret": "0o600"} == modes
    assert 0o711 == stat.S_IMODE(data.stat().st_mode)


@pytest.mark.parametrize("kept", ["reticulum.toml", "node.key", "grid.secret"])
def test_init_destroys_nothing(tmp_path: Path, kept: str) -> None:
    """Whichever file is there already stays as it is, and nothing is put beside it."""
    (tmp_path / kept).write_text("precious")

    ended = reticulum("init", tmp_path)

    assert 1 == ended.code
    assert kept in ended.err
    assert {kept: "precious"} == {path.name: path.read_text() for path in tmp_path.iterdir()}


def test_init_twice(tmp_path: Path) -> None:
    """A second init changes nothing and says what is there."""
    reticulum("init", tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    again = reticulum("init", tmp_path)

    assert 1 == again.code
    assert "has reticulum.toml, node.key, grid.secret already" in again.err
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["put"],
        ["get"],
        ["info", "no-id"],
        ["rm", "sha256-abc"],
        ["get", NOBODY, "-f", "exe"],
        ["get", NOBODY, "--json", "-o", "-"],
        ["status", "--node", "http://127.0.0.1:1", "--data", "."],
        ["status", "--node", "ftp://host"],
        ["status", "--node", "http://host:99999"],
        ["status", "--node", "http://[::1"],
        ["status", "--key", "two words"],
        ["init", "new", "--join", "invite"],
    ],
    ids=" ".join,
)
def test_misuse(tmp_path: Path, arguments: list[str]) -> None:
    """What cannot be meant is told on standard error, ends with 2 and does nothing."""
    ended = reticulum(*arguments, folder=tmp_path)

    assert (2, b"") == (ended.code, ended.out)
    assert ended.err
    assert [] == list(tmp_path.iterdir())


def test_version_and_help() -> None:
    """Both answer at once, without the HTTP client: that takes most of a second to import."""
    code = (
        "import sys, reticulum.cli.main as m; m.run(['--help']); m.run(['put', '--help']);"
        "sys.exit(any(name in sys.modules for name in ('treq', 'twisted', 'rich', 'klein')))"
    )
    quick = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        env=processes.surroundings(),
        capture_output=True,
        timeout=processes.PATIENCE_S,
    )

    assert re.fullmatch(rb"reticulum, version \d\S+\n", reticulum("--version").out)
    assert 0 == quick.returncode, quick.stderr
    assert b"Upload files and folders." in quick.stdout


def on_terminal(arguments: list[str], answer: bytes, folder: Path) -> tuple[int, str]:
    """Run the command with a terminal on all three streams; returns code and what was shown."""
    outer, inner = pty.openpty()
    try:
        running = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=folder,
            env=processes.surroundings({"TERM": "xterm"}),
            stdin=inner,
            stdout=inner,
            stderr=inner,
        )
        os.close(inner)
        os.write(outer, answer)
        shown = b""
        while select.select([outer], [], [], processes.PATIENCE_S)[0]:
            try:
                shown += os.read(outer, 65_536)
            except OSError:  # the other side has closed: Linux says EIO
                break
        return running.wait(processes.PATIENCE_S), shown.decode()
    finally:
        os.close(outer)


def test_on_a_terminal(ask: Callable[..., Ended], node: processes.Node, tmp_path: Path) -> None:
    """There are a progress bar, a question before deleting, and no image bytes."""
    photos(tmp_path, 1)
    [image_id] = ask("put", "00.jpg").lines
    where = ["--node", node.url]

    put_code, put = on_terminal(["put", "00.jpg", *where], b"", tmp_path)
    no_code, no = on_terminal(["rm", image_id, *where], b"n\n", tmp_path)
    get_code, _ = on_terminal(["get", image_id, "-o", "-", *where], b"", tmp_path)
    kept = node.get(f"/v1/images/{image_id}").status
    yes_code, _ = on_terminal(["rm", image_id, *where], b"y\n", tmp_path)

    assert (0, 1, 2, 0) == (put_code, no_code, get_code, yes_code)
    assert "1/1 files" in put
    assert image_id in put
    assert "Delete 1 image from the whole grid" in no
    assert (200, 404) == (kept, node.get(f"/v1/images/{image_id}").status)
