"""A node is started as its README says, and refuses what would be unsafe."""

import os
import re
import signal
import socket
from pathlib import Path
from typing import Any

import pictures
import processes
import pytest
from processes import LOOPBACK, until

DEFAULT_PORT = 8080


def test_start_without_arguments_serves_from_the_current_directory(tmp_path: Path) -> None:
    """`twistd -n reticulum` works in an empty folder and logs the URL that it serves."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", DEFAULT_PORT))
        except OSError:
            pytest.skip(f"another program on this machine has port {DEFAULT_PORT}")
    with processes.nursery() as nodes:
        data = tmp_path / "reticulum-data"
        nodes.append(node := processes.launch(tmp_path, ["-n", "reticulum"], None, data))
        node.wait_ready()
        assert DEFAULT_PORT == node.port
        image_id = node.put(pictures.flat())
        assert image_id in node.originals()


def test_environment_alone_sets_what_flags_set(tmp_path: Path) -> None:
    """RETICULUM_HTTP and RETICULUM_NODE_ZONE are taken, and the data are in ./reticulum-data."""
    environment = {"RETICULUM_HTTP": LOOPBACK, "RETICULUM_NODE_ZONE": "rack-7"}
    with processes.nursery() as nodes:
        data = tmp_path / "reticulum-data"
        arguments = ["-n", "--pidfile=", "reticulum"]
        nodes.append(node := processes.launch(tmp_path, arguments, environment, data))
        node.wait_ready()
        assert "rack-7" == node.status()["node"]["zone"]
        assert (data / "node.key").is_file()


def _mode_0644(data: Path) -> None:
    (data / "node.key").write_text("ab" * 32 + "\n")
    (data / "node.key").chmod(0o644)


def _malformed(data: Path) -> None:
    (data / "grid.secret").write_text("not hexadecimal\n")
    (data / "grid.secret").chmod(0o600)


def _file(text: str) -> Any:
    def write(data: Path) -> None:
        (data / "reticulum.toml").write_text(text)

    return write


REFUSALS: dict[str, tuple[list[str], dict[str, str], Any, str]] = {
    # what: flags, environment, what is done to the data directory, what the reason must name
    "uploads open to the world": (["--http=tcp:0"], {}, None, r"upload_keys"),
    "unknown section": ([], {}, _file("[htpt]\nlisten = 'x'\n"), r"\[htpt\].*did you mean http"),
    "unknown key in the file": (
        [],
        {},
        _file("[http]\nmax_uploads_bytes = 1\n"),
        r"max_uploads_bytes.*did you mean max_upload",
    ),
    "file that is not TOML": ([], {}, _file("[http\n"), r"reticulum\.toml is not TOML"),
    "value of the wrong kind": (
        [],
        {},
        _file("[http]\nmax_uploads = 'many'\n"),
        r"max_uploads in \[http\] must be a whole number",
    ),
    "unknown name in the environment": (
        [],
        {"RETICULUM_HTTP_DRAINS": "3"},
        None,
        r"RETICULUM_HTTP_DRAINS.*did you mean RETICULUM_HTTP_DRAIN_S",
    ),
    "missing file": (["--config=nowhere.toml"], {}, None, r"can't read nowhere\.toml"),
    "key file that others can read": ([], {}, _mode_0644, r"node\.key.*chmod 600"),
    "malformed secret": ([], {}, _malformed, r"grid\.secret must hold 64 hexadecimal digits"),
    "endpoint of no known kind": (
        ["--http=nonsense:1:interface=127.0.0.1"],
        {"RETICULUM_HTTP_OPEN_UPLOADS": "true"},
        None,
        r"listen in \[http\] is no endpoint: 'nonsense:1:interface=127\.0\.0\.1'",
    ),
    "endpoint without a port": (
        ["--http=tcp:eighty:interface=127.0.0.1"],
        {},
        None,
        r"listen in \[http\] is no endpoint",
    ),
    "data directory that cannot be": (
        ["--data=/dev/null/data"],
        {},
        None,
        r"/dev/null/data.*--data or data in \[node\]",
    ),
    "unknown flag": (["--colour=red"], {}, None, r"--colour"),
    "stray argument": (["now"], {}, None, r"unexpected: now"),
    "no invite": (["--join=invite"], {}, None, r"no invite: an invite begins with reticulum1"),
    "mistyped invite": (["--join=reticulum1qqqqqqqq"], {}, None, r"typ(ing|ed)|mistyped"),
    "invite of no file": (["--join-file=/nowhere/i"], {}, None, r"the invite in /nowhere/i"),
    "stray text in the environment": ([], {"RETICULUM_JOIN": "x"}, None, r"no invite"),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_refuses_to_start(what: str, tmp_path: Path) -> None:
    """What is unsafe or unclear ends with one line that names the key to set, and a failure."""
    flags, environment, prepare, reason = REFUSALS[what]
    (tmp_path / "data").mkdir()
    if prepare is not None:
        prepare(tmp_path / "data")
    with processes.nursery() as nodes:
        nodes.append(node := processes.start(tmp_path, *flags, environment=environment))
        must_refuse(node, reason)
    assert not (tmp_path / "twistd.pid").exists()


def must_refuse(node: processes.Node, reason: str) -> None:
    """Ended by itself with a failure, the reason in one line and no traceback."""
    assert 1 == node.process.wait(processes.PATIENCE_S)
    lines = [line for line in node.log().splitlines() if re.search(reason, line)]
    assert 1 == len(lines), node.log()
    assert "Traceback" not in node.log()


def test_refuses_another_reactor(tmp_path: Path) -> None:
    """With epoll installed nothing would ever answer: the node says so and names the way out."""
    with processes.nursery() as nodes:
        arguments = ["--reactor=epoll", "-n", "--pidfile=", "reticulum", f"--http={LOOPBACK}"]
        nodes.append(node := processes.launch(tmp_path, arguments, None, tmp_path / "data"))
        must_refuse(node, r"--reactor=asyncio")


def test_takes_the_asyncio_reactor_by_name(tmp_path: Path) -> None:
    """`--reactor=asyncio` says what the node would have chosen by itself."""
    with processes.nursery() as nodes:
        arguments = ["--reactor=asyncio", "-n", "--pidfile=", "reticulum", f"--http={LOOPBACK}"]
        data = tmp_path / "reticulum-data"
        nodes.append(node := processes.launch(tmp_path, arguments, None, data))
        node.wait_ready()


def test_refuses_what_another_node_has(start_node: Any, tmp_path: Path) -> None:
    """A data directory and a port each have one node; the second one names the key to set."""
    first = start_node(environment={"RETICULUM_IMAGING_WORKERS": "1"})
    same_data = start_node(is_awaited=False)
    must_refuse(same_data, rf"in use.*process {first.pid}.*--data")
    taken = f"tcp:{first.port}:interface=127.0.0.1"
    same_port = start_node(data=tmp_path / "other", http_endpoint=taken, is_awaited=False)
    must_refuse(same_port, r"can't listen.*--http or listen in \[http\]")
    assert [] == processes.children_of(same_port.pid)
    first.must_be_clean()


def test_daemonised_start_serves_and_stops(tmp_path: Path) -> None:
    """Without -n the node goes on in the background, with pid file and log file."""
    pidfile, logfile = tmp_path / "node.pid", tmp_path / "node.log"
    twistd = [f"--pidfile={pidfile}", f"--logfile={logfile}", "reticulum"]
    arguments = [*twistd, f"--data={tmp_path / 'data'}", f"--http={LOOPBACK}"]
    with processes.nursery() as nodes:
        nodes.append(launched := processes.launch(tmp_path, arguments, None, tmp_path / "data"))
        assert 0 == launched.process.wait(processes.PATIENCE_S), launched.log()
        pid = int(pidfile.read_text())
        try:
            pattern = r"http\.listening url=http://127\.0\.0\.1:(\d+)/"
            match = until(lambda: re.search(pattern, logfile.read_text()), "the URL in the log")
            launched.port = int(match[1])
            until(lambda: launched.get("/readyz").status == 200, "ready")
            launched.put(pictures.flat())
            assert f"{pid}\n" == (tmp_path / "data" / "lock").read_text()
        finally:
            workers = processes.children_of(pid)
            os.kill(pid, signal.SIGTERM)
            until(lambda: not processes.is_alive(pid), "the daemon has ended")
        assert [] == [worker for worker in workers if processes.is_alive(worker)]
        assert not pidfile.exists()
        assert "Traceback" not in logfile.read_text()


def test_daemonised_start_refuses_before_it_goes_away(tmp_path: Path) -> None:
    """What is wrong with the settings is told to who started the daemon, with a failure."""
    arguments = [f"--pidfile={tmp_path / 'p'}", f"--logfile={tmp_path / 'l'}", "reticulum"]
    with processes.nursery() as nodes:
        unsafe = [*arguments, "--http=tcp:0", f"--data={tmp_path / 'data'}"]
        nodes.append(node := processes.launch(tmp_path, unsafe, None, tmp_path / "data"))
        must_refuse(node, r"upload_keys")
