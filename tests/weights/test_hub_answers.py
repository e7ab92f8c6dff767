"""What a hub answers that is not a file: each is waited for, gone on from, or one clear error."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path

import pytest

from affectssm.errors import AffectError, ConfigError, DataError
from affectssm.features.wanted import state_of
from affectssm.features.weights import Wanted
from affectssm.weights import hub as hubs
from affectssm.weights.fetch import fetch
from affectssm.weights.hub import Hub, UnreachableError
from tests.weights.hub_server import COMMIT, OTHER, Fault, HubServer

LARGE = bytes(range(256)) * 12000  # 3 MB
FILES = {"config.json": b'{"a": 1}', "model.safetensors": LARGE}
NAMES = ("config.json", "model.safetensors|pytorch_model.bin")
REPOSITORY = "/api/models/lab/tiny"
Bring = Callable[..., list[str]]


@pytest.fixture
def bring(tmp_path: Path, server: HubServer, waits: list[float]) -> Bring:
    server.add("lab/tiny", FILES)

    def call(model: str = "lab/tiny", revision: str = "", names: tuple[str, ...] = NAMES) -> list[str]:
        said: list[str] = []
        fetch(tmp_path, [Wanted(model, model, "MIT", names, revision)], Hub(say=said.append), said.append)
        assert state_of(tmp_path, Wanted("lab/tiny", "lab/tiny", "MIT", NAMES)).state == "verified"
        assert (tmp_path / "lab" / "tiny" / "model.safetensors").read_bytes() == LARGE
        return said

    return call


def _refused(
    tmp_path: Path, bring: Bring, kind: type[AffectError], *words: str, **asked: object
) -> AffectError:
    with pytest.raises(kind) as caught:
        bring(**asked)
    for word in words:
        assert word in str(caught.value)
    assert not list(tmp_path.rglob("*.lock.json")) and not (tmp_path / "lab").exists()
    return caught.value


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"model": "lab/none"}, ("RepoNotFound", "lab/none")),
        ({"revision": OTHER}, ("no such revision", OTHER)),
        ({"names": ("vocab.txt",)}, ("no vocab.txt", COMMIT)),
        ({"model": "lab none"}, ("no repository",)),
    ],
)
def test_what_the_hub_does_not_have_is_named(
    asked: dict[str, object], words: tuple[str, ...], tmp_path: Path, bring: Bring, waits: list[float]
) -> None:
    _refused(tmp_path, bring, ConfigError, *words, **asked)
    assert not waits, "nobody waits for what is not there"


@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_repository_asks_for_licence_and_token(
    status: int, tmp_path: Path, bring: Bring, server: HubServer
) -> None:
    server.faults.append(Fault(REPOSITORY, status=status, headers={"X-Error-Code": "GatedRepo"}))
    _refused(tmp_path, bring, ConfigError, f"HTTP {status} GatedRepo", "accept its licence", "HF_TOKEN")


@pytest.mark.parametrize("path", [REPOSITORY, "/resolve/" + COMMIT + "/model.safetensors"])
def test_a_busy_hub_is_waited_for_as_long_as_it_asks(
    path: str, bring: Bring, server: HubServer, waits: list[float]
) -> None:
    server.faults.append(Fault(path, times=2, status=429, headers={"Retry-After": "17"}))
    said = bring()
    assert waits == [17, 17]
    assert any("again in 17 s" in line for line in said)


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"RateLimit": '"api";r=0;t=55'}, 55, 55),
        ({"Retry-After": "in an hour"}, 3600, 3600),
        ({}, 1, 1),
    ],
    ids=["limit", "date", "not said"],
)
def test_the_wait_may_be_told_in_other_ways(
    headers: dict[str, str], least: float, most: float, bring: Bring, server: HubServer, waits: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(hubs, "LONGEST_WAIT_S", 4000)
    if headers.get("Retry-After"):  # as seen from now: much may have run since this module was read
        headers = {"Retry-After": formatdate(time.time() + 3600, usegmt=True)}
    server.faults.append(Fault(REPOSITORY, status=429, headers=headers))
    bring()
    (waited,) = waits
    assert least - 60 * (most > 60) <= waited <= most


def test_a_hub_that_stays_busy_is_given_up(
    tmp_path: Path, bring: Bring, server: HubServer, waits: list[float]
) -> None:
    server.faults.append(Fault(REPOSITORY, times=99, status=429, headers={"Retry-After": "2"}))
    _refused(tmp_path, bring, DataError, "HTTP 429", "asks to wait 2 s, at try 5", "HF_TOKEN")
    assert waits == [2] * 4


def test_a_hub_that_asks_for_an_hour_is_not_waited_for(
    tmp_path: Path, bring: Bring, server: HubServer, waits: list[float]
) -> None:
    server.faults.append(Fault(REPOSITORY, times=99, status=429, headers={"Retry-After": "3600"}))
    _refused(tmp_path, bring, DataError, "asks to wait 3600 s, at try 1", "again later")
    assert not waits


def test_a_hub_with_a_fault_of_its_own_is_asked_again(
    bring: Bring, server: HubServer, waits: list[float]
) -> None:
    server.faults.append(Fault(REPOSITORY, times=2, status=503))
    bring()
    assert waits == [1, 2]


def test_half_a_file_is_gone_on_from(bring: Bring, server: HubServer) -> None:
    server.faults.append(Fault("/model.safetensors", close_after=1_500_000))
    bring()
    assert sum(server.bytes_of("/model.safetensors")) == len(LARGE), "no byte is fetched twice"


def test_a_file_that_comes_in_many_pieces_arrives(
    bring: Bring, server: HubServer, waits: list[float]
) -> None:
    server.faults.append(Fault("/model.safetensors", times=9, close_after=200_000))
    with pytest.raises(DataError, match="connection broke 5 times"):
        bring()
    bring()  # once more, as the error says
    assert sum(server.bytes_of("/model.safetensors")) == len(LARGE)


def test_a_file_that_never_goes_on_is_an_error_and_its_half_is_kept(
    tmp_path: Path, bring: Bring, server: HubServer, waits: list[float]
) -> None:
    server.faults.append(Fault("/model.safetensors", close_after=1_000_000))
    server.faults.append(Fault("/model.safetensors", times=99, close_after=0))
    error = _refused(
        tmp_path, bring, DataError, "connection broke 5 times", f"expected {len(LARGE) - 1_000_000}"
    )
    assert "goes on where it stopped" in error.remedy
    (part,) = tmp_path.rglob("*.part")
    assert part.stat().st_size == 1_000_000
    assert waits == [1, 2, 4, 8]


def test_a_hub_that_knows_no_ranges_sends_the_file_anew(bring: Bring, server: HubServer) -> None:
    server.faults.append(Fault("/model.safetensors", close_after=1_500_000))
    server.faults.append(Fault("/model.safetensors", whole=True))
    bring()
    assert server.bytes_of("/model.safetensors") == [1_500_000, len(LARGE)]


@pytest.mark.parametrize("told", [True, False], ids=["size told", "size not told"])
def test_a_part_that_is_longer_than_the_file_is_thrown_away(
    told: bool, tmp_path: Path, bring: Bring, server: HubServer
) -> None:
    server.tells_hashes = told
    part = tmp_path / ".fetching" / "lab--tiny" / COMMIT / "config.json.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 100)
    bring()


def test_a_part_that_another_process_writes_is_left_alone(tmp_path: Path, bring: Bring) -> None:
    part = tmp_path / ".fetching" / "lab--tiny" / COMMIT / "config.json.part"
    part.parent.mkdir(parents=True)
    with part.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        _refused(tmp_path, bring, DataError, "another process")
    bring()


def test_hashes_may_come_with_the_files_alone(tmp_path: Path, bring: Bring, server: HubServer) -> None:
    server.tells_hashes = False
    for name in FILES:
        server.faults.append(Fault(f"/{name}", flip=True))
        with pytest.raises(DataError, match="of what arrived"):
            bring()
    server.faults.append(Fault("/model.safetensors", close_after=1_500_000))
    bring()


def test_where_nothing_answers_it_is_said_what_to_copy_by_hand(
    tmp_path: Path, bring: Bring, server: HubServer, waits: list[float]
) -> None:
    server.close()
    with pytest.raises(UnreachableError) as caught:
        bring(revision=OTHER)
    lines = [line.strip() for line in caught.value.remedy.splitlines()[1:]]
    source, target = f"{server.address}/lab/tiny/resolve/{OTHER}", f"{tmp_path}/lab/tiny"
    otherwise = "(or pytorch_model.bin, where there is none)"
    assert lines == [
        f"{source}/config.json -> {target}/config.json",
        f"{source}/model.safetensors -> {target}/model.safetensors {otherwise}",
    ]
    assert not waits


def test_another_commit_than_the_one_asked_for_is_refused(
    tmp_path: Path, bring: Bring, server: HubServer
) -> None:
    server.repositories["lab/tiny"][OTHER] = FILES
    server.lies = COMMIT
    _refused(tmp_path, bring, DataError, f"commit '{COMMIT}'", revision=OTHER)


def test_a_page_of_a_login_is_no_answer_of_a_hub(tmp_path: Path, bring: Bring, server: HubServer) -> None:
    server.faults.append(Fault(REPOSITORY, status=200))
    _refused(tmp_path, bring, DataError, "no answer of a hub")
