"""What a hub has arrives whole, under a lock, or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants

from affectssm.errors import ConfigError, DataError
from affectssm.features.wanted import state_of
from affectssm.features.weights import Wanted, verified_folder
from affectssm.weights import fetch as fetching
from affectssm.weights.fetch import STAGING, fetch
from affectssm.weights.hub import Hub
from tests.weights.hub_server import COMMIT, OTHER, Fault, HubServer, sha256

MODEL = Wanted("lab/tiny", "lab/tiny", "MIT", ("config.json", "model.safetensors|pytorch_model.bin"), "")
LARGE = bytes(range(256)) * 4000  # 1 MB
FILES = {
    "config.json": b'{"a": 1}',
    "model.safetensors": LARGE,
    "pytorch_model.bin": b"pickle" * 500,
    "README.md": b"x",
}
Bring = Callable[..., list[str]]


@pytest.fixture
def bring(tmp_path: Path, server: HubServer) -> Bring:
    """Fetches models into ``tmp_path/weights``; returns what was said."""

    def call(*wanted: Wanted) -> list[str]:
        said: list[str] = []
        fetch(tmp_path / "weights", wanted or (MODEL,), Hub(say=said.append), said.append)
        return said

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "weights" / "lab" / "tiny"


def test_all_wanted_files_arrive_with_a_lock_that_a_load_verifies(
    bring: Bring, server: HubServer, folder: Path, tmp_path: Path
) -> None:
    server.add("lab/tiny", FILES)
    said = bring()
    assert sorted(path.name for path in folder.iterdir()) == [".cache", "config.json", "model.safetensors"]
    assert (folder / "model.safetensors").read_bytes() == LARGE
    lock = json.loads((folder.parent / "tiny.lock.json").read_text())
    assert lock == {
        "model": "lab/tiny",
        "repository": "lab/tiny",
        "licence": "MIT",
        "revision": COMMIT,
        "sha256": {name: sha256(FILES[name]) for name in ("config.json", "model.safetensors")},
    }
    assert verified_folder(tmp_path / "weights", MODEL) == (folder, lock)
    with pytest.raises(ConfigError, match=f"revision {COMMIT}"):
        verified_folder(tmp_path / "weights", replace(MODEL, revision=OTHER))
    assert not (tmp_path / "weights" / STAGING).exists()
    assert any("licence: MIT" in line and COMMIT in line for line in said)
    # everything of the commit, not of whatever is newest while it is fetched
    assert all(COMMIT in one.path for one in server.sent if "/resolve/" in one.path)
    server.sent.clear()
    assert bring() == ["lab/tiny: all there, as its lock says"]
    assert not server.sent


def test_the_lock_is_the_one_that_a_first_load_would_have_written(
    bring: Bring, server: HubServer, folder: Path
) -> None:
    server.add("lab/tiny", FILES)
    bring()
    lock = folder.parent / "tiny.lock.json"
    fetched = json.loads(lock.read_text())
    lock.unlink()
    assert verified_folder(folder.parents[1], MODEL)[1] == fetched


def test_a_repository_without_safetensors_gives_its_pickle(
    bring: Bring, server: HubServer, folder: Path
) -> None:
    server.add("lab/tiny", {name: content for name, content in FILES.items() if name != "model.safetensors"})
    bring()
    assert (folder / "pytorch_model.bin").is_file()


def test_a_pinned_revision_is_fetched_and_not_the_newest(
    bring: Bring, server: HubServer, folder: Path
) -> None:
    server.add("lab/tiny", FILES, OTHER)
    server.add("lab/tiny", FILES | {"config.json": b"{}"}, COMMIT)
    bring(replace(MODEL, revision=OTHER))
    assert (folder / "config.json").read_bytes() == FILES["config.json"]
    assert json.loads((folder.parent / "tiny.lock.json").read_text())["revision"] == OTHER


def test_a_lock_from_elsewhere_pins_what_is_fetched(bring: Bring, server: HubServer, folder: Path) -> None:
    server.add("lab/tiny", FILES, OTHER)
    bring()
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    server.add("lab/tiny", FILES | {"config.json": b"{}"}, COMMIT)
    bring()
    assert (folder / "config.json").read_bytes() == FILES["config.json"]
    assert state_of(folder.parents[1], MODEL).state == "verified"


def test_files_that_a_lock_has_otherwise_are_refused(bring: Bring, server: HubServer, folder: Path) -> None:
    server.add("lab/tiny", FILES)
    lock = folder.parent / "tiny.lock.json"
    lock.parent.mkdir(parents=True)
    hashes = {"config.json": sha256(FILES["config.json"]), "model.safetensors": "0" * 64}
    lock.write_text(json.dumps({"revision": COMMIT, "sha256": hashes}))
    with pytest.raises(DataError, match=r"sha256 0{64}, as .*tiny\.lock\.json") as caught:
        bring()
    assert "delete" in caught.value.remedy
    assert not folder.exists()


def test_a_changed_file_is_not_fetched_over(bring: Bring, server: HubServer, folder: Path) -> None:
    server.add("lab/tiny", FILES)
    bring()
    (folder / "config.json").write_text("{}")
    with pytest.raises(DataError, match=r"config\.json: not the sha256"):
        bring()
    assert (folder / "config.json").read_text() == "{}"


def test_files_copied_by_hand_are_completed_and_locked_if_they_are_the_hubs(
    bring: Bring, server: HubServer, folder: Path
) -> None:
    server.add("lab/tiny", FILES)
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(LARGE)
    bring()
    assert not server.bytes_of("model.safetensors")
    assert state_of(folder.parents[1], MODEL).state == "verified"


def test_files_copied_by_hand_that_are_not_the_hubs_are_named(
    bring: Bring, server: HubServer, folder: Path
) -> None:
    server.add("lab/tiny", FILES)
    folder.mkdir(parents=True)
    (folder / "config.json").write_bytes(b'{"a": 2}')
    with pytest.raises(DataError, match="git blob") as caught:
        bring()
    assert str(folder / "config.json") in caught.value.where
    assert not (folder.parent / "tiny.lock.json").exists()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_what_arrives_otherwise_than_the_hub_says_is_refused_and_thrown_away(
    name: str, bring: Bring, server: HubServer, folder: Path, tmp_path: Path
) -> None:
    server.add("lab/tiny", FILES)
    server.faults.append(Fault(f"/{name}", flip=True))
    with pytest.raises(DataError, match="of what arrived"):
        bring()
    assert not folder.exists()
    assert not list(tmp_path.rglob("*.part")) and not list(tmp_path.rglob("*.lock.json"))
    bring()
    assert (folder / name).read_bytes() == FILES[name]


def test_nothing_is_fetched_where_there_is_no_room(
    bring: Bring, server: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add("lab/tiny", FILES)
    usage = fetching.shutil.disk_usage
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda path: usage(path)._replace(free=50_000_100))
    with pytest.raises(ConfigError, match=r"50 MB free\n.*1 MB for what is still to be fetched"):
        bring()
    assert not any("/resolve/" in one.path for one in server.sent)


def test_two_who_want_one_model_at_other_revisions_are_told(bring: Bring) -> None:
    with pytest.raises(ConfigError, match="one revision"):
        bring(replace(MODEL, revision=COMMIT), replace(MODEL, revision=OTHER))


@pytest.mark.parametrize("model", ["../outside", "/outside", "lab//x", ""])
def test_no_model_lies_outside_the_folder(model: str, bring: Bring, server: HubServer) -> None:
    with pytest.raises(ConfigError, match="no name of a folder"):
        bring(replace(MODEL, model=model))
    assert not server.sent


def test_a_token_of_the_environment_goes_to_the_hub(
    bring: Bring, server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    server.add("lab/tiny", FILES)
    said = bring()
    assert {one.token for one in server.sent} == {"Bearer hf_secret"}
    assert "hf_secret" not in "\n".join(said)


def test_offline_is_said(bring: Bring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="HF_HUB_OFFLINE"):
        bring()


LAB = """\
scale: tiny
features: {weights: pretrained, size: full, weights_dir: weights, wav2vec2: {model: lab/speech}}
dialogue: {sources: [voice], groups: {voice: {audio: [wav2vec2]}}}
"""
SPEECH = FILES | {"preprocessor_config.json": b"{}"}


def _command(folder: Path, server: HubServer, action: str) -> subprocess.Popen[str]:
    own = {
        name: value
        for name, value in os.environ.items()
        if name not in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    }
    words = [sys.executable, "-m", "affectssm.cli", "weights", action, "lab.yaml", "noxi_ccc"]
    return subprocess.Popen(
        words, cwd=folder, env=own | {"HF_ENDPOINT": server.address}, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_the_command_killed_in_the_middle_goes_on_where_it_stopped(tmp_path: Path, server: HubServer) -> None:
    (tmp_path / "lab.yaml").write_text(LAB)
    server.add("lab/speech", SPEECH)
    server.faults.append(Fault("/model.safetensors", hold_after=600_000))
    first = _command(tmp_path, server, "fetch")

    def there() -> int:
        return sum(path.stat().st_size for path in tmp_path.rglob("model.safetensors.part"))

    until = time.monotonic() + 60
    while not there() and time.monotonic() < until and first.poll() is None:
        time.sleep(0.02)
    time.sleep(0.1)
    first.send_signal(signal.SIGKILL)
    first.wait()
    kept = there()
    assert kept > 0
    weights = tmp_path / "weights"
    assert not (weights / "lab").exists(), "nothing is in its place that is not whole"
    server.let_go.set()
    before = sum(server.bytes_of("model.safetensors"))
    second = _command(tmp_path, server, "fetch")
    said, _ = second.communicate(timeout=60)
    assert second.returncode == 0, said
    again = sum(server.bytes_of("model.safetensors")) - before
    assert again == len(LARGE) - kept
    assert len(server.bytes_of("/config.json")) == 1, "what was whole is not fetched again"
    assert (weights / "lab" / "speech" / "model.safetensors").read_bytes() == LARGE
    server.close()
    verify = _command(tmp_path, server, "verify")
    said, _ = verify.communicate(timeout=60)
    assert verify.returncode == 0 and said.count("verified ") == 3, said
