"""Settings come from four places, and some can change while the node runs."""

import signal
from pathlib import Path
from typing import Any

import pictures
import processes
from processes import LOOPBACK

KEY, OTHER_KEY = "correct-horse", "battery-staple"


def _write(folder: Path, text: str) -> None:
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "reticulum.toml").write_text(text)


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_flags_beat_environment_beats_file_beats_default(start_node: Any, tmp_path: Path) -> None:
    """Each setting comes from the strongest place that names it."""
    _write(
        tmp_path,
        '[node]\nzone = "file"\n'
        '[http]\nlisten = "tcp:1:interface=127.0.0.1"\nmax_upload_bytes = 1111\n'
        "[cache]\nmax_bytes = 3333\n",
    )
    environment = {
        "RETICULUM_NODE_ZONE": "environment",
        "RETICULUM_HTTP": "tcp:2:interface=127.0.0.1",
        "RETICULUM_HTTP_MAX_UPLOAD_BYTES": "2222",
    }
    node = start_node("--zone=flag", environment=environment)
    assert "flag" == node.status()["node"]["zone"]
    assert "2222 bytes" in node.ask("POST", "/v1/images", bytes(3000)).json["detail"]
    assert 3333 == node.status()["cache"]["max_bytes"]
    assert 200 == node.get("/v1/images").status  # by default, no key is asked for


def test_sighup_changes_what_can_change(start_node: Any, tmp_path: Path) -> None:
    """Keys and the largest upload are in force at once; what needs a restart is named."""
    image = pictures.photo(300, 200)
    first = f'[http]\nupload_keys = ["{KEY}"]\nmax_upload_bytes = 100\n'
    _write(tmp_path, first)
    node = start_node(http_endpoint=None, environment={"RETICULUM_HTTP": LOOPBACK})
    assert 413 == node.ask("POST", "/v1/images", image, _bearer(KEY)).status

    _write(tmp_path, f'[http]\nupload_keys = ["{OTHER_KEY}"]\n')
    node.send(signal.SIGHUP)
    changed = node.wait_for(r"settings\.read changed=(.*)")[1]
    assert {"http.upload_keys", "http.max_upload_bytes"} == set(changed.split(", "))
    assert 403 == node.ask("POST", "/v1/images", image, _bearer(KEY)).status
    assert 401 == node.ask("POST", "/v1/images", image).status
    assert 201 == node.ask("POST", "/v1/images", image, _bearer(OTHER_KEY)).status
    assert KEY not in node.log()
    assert OTHER_KEY not in node.log()


def test_sighup_names_what_needs_a_restart(start_node: Any, tmp_path: Path) -> None:
    """A new address to listen on is not taken over in silence, and not forgotten."""
    _write(tmp_path, f'[http]\nlisten = "{LOOPBACK}"\n')
    node = start_node(http_endpoint=None)
    elsewhere = '[http]\nlisten = "tcp:0:interface=127.0.0.2"\n[imaging]\nworkers = 7\n'
    _write(tmp_path, elsewhere)
    node.send(signal.SIGHUP)
    names = node.wait_for(r"settings\.need_restart names=(.*)")[1]
    assert {"http.listen", "imaging.workers"} == set(names.split(", "))
    assert 200 == node.get("/readyz").status


def test_sighup_with_a_broken_file_keeps_the_settings(start_node: Any, tmp_path: Path) -> None:
    """A mistake in the file costs one line in the log, and no protection that was in force."""
    _write(tmp_path, f'[http]\nupload_keys = ["{KEY}"]\nlisten = "{LOOPBACK}"\n')
    node = start_node(http_endpoint=None)
    for text, reason in [
        ("[http\n", r"settings\.kept reason=.*not TOML"),
        ("[http]\nmax_uploads = 0\n", r"settings\.kept reason=.*max_uploads"),
        ("[http]\nupload_key = []\n", r"settings\.kept reason=.*upload_key .*did you mean"),
        ('[http]\nlisten = "tcp:0"\n', r"settings\.kept reason=.*upload_keys"),
    ]:
        _write(tmp_path, text)
        node.send(signal.SIGHUP)
        node.wait_for(reason)
        assert 401 == node.get("/v1/images").status, text
        assert 200 == node.get("/v1/images", _bearer(KEY)).status, text
    _write(tmp_path, "")
    node.send(signal.SIGHUP)
    node.wait_for(r"settings\.read changed=http\.upload_keys")
    assert "Traceback" not in node.log()


def test_sighup_keeps_what_is_under_way(start_node: Any, tmp_path: Path) -> None:
    """An upload that began under the old bound is finished under it."""
    node = start_node()
    image = pictures.photo(300, 200)
    with node.connect() as connection:
        connection.sendall(processes.upload_head(len(image)) + image[:1000])
        processes.until(lambda: node.status()["http"]["under_way"] == 2, "the upload has begun")
        _write(tmp_path, "[http]\nmax_upload_bytes = 1000\n")
        node.send(signal.SIGHUP)
        node.wait_for(r"settings\.read changed=http\.max_upload_bytes")
        connection.sendall(image[1000:])
        assert 201 == processes.reply_on(connection).status
    node.must_be_clean()
