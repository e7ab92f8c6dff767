"""A look before a run: each deliberate gap is named, with the cells that will be empty and the weights missing."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import pytest
import yaml

from affectssm.cli import main
from affectssm.errors import DataError
from affectssm.plan import asked, preflight
from affectssm.plan import corpora as plan_corpora
from affectssm.plan.check import Machine, check
from affectssm.plan.check_found import by_kind
from affectssm.plan.check_light import Light, light, reasons
from affectssm.plan.check_room import clock_h
from affectssm.store.faults import Fault
from tests.plan import gapped_noxi

media = pytest.mark.skipif(
    not gapped_noxi.CLIP.is_file(), reason="needs the real media (../shared/media/face)"
)
LAB = {
    "scale": "paper",
    "families": ["dialogue"],
    "corpora": {"noxi_add": {"root": "none"}, "mpiigi": {"root": "none"}},
    "dialogue": {"sources": ["extracted"]},
    "features": {"weights_dir": "weights"},
}
TINY = {
    "scale": "tiny",
    "families": ["dialogue"],
    "dialogue": {"models": ["da_mamba"]},
    "corpora": {name: {"root": "demo-tiny"} for name in ("noxi", "noxi_add", "mpiigi")},
}
HERE = Machine(2, 0, 16.0)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder in which nothing was computed yet."""
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def lab(**noxi):
    """A lab's configuration that holds a NoXi with gaps, written as a file."""
    corpora = LAB["corpora"] | {"noxi": {"root": "../NoXi"} | noxi}
    Path("lab.yaml").write_text(yaml.safe_dump(LAB | {"corpora": corpora}))
    return "lab.yaml"


def said(capsys, *words: str) -> tuple[int, str]:
    """The status and the page of a check."""
    try:
        status = main(["check", *words])
    except SystemExit as ended:
        status = int(ended.code or 0)
    return status, capsys.readouterr().out


def everything(root: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(root.rglob("*"))}


@media
def test_each_gap_the_empty_cells_and_the_missing_weights_are_named_in_half_a_minute(place, capsys):
    gapped_noxi.write(place.parent / "NoXi")
    before, began = everything(place.parent / "NoXi"), time.monotonic()
    status, page = said(capsys, lab(), "noxi_ccc")
    assert time.monotonic() - began < 30 and status == 1
    for gap in (
        "recordings: test-base 1, train 7, val 1",
        "train: found 7 sessions, the release has 38",
        "train: found 11 labelled participants, the release has 76",
        "train: 1 of 14 without file that can be used: 007/novice",
        "train: 2 of 13 without annotation: 003/expert, 003/novice",
        "train: 1 of 13 without audio: 002/novice",
        "train: 2 of 13 without video: 004/expert, 006/expert",
        "005/novice video: 0.04 of 2.4 s, a still picture",
        "006/expert video: no pictures that can be read",
        "004/expert video: not readable as audio or video",
        "007: expert alone",
        "test-base: labels withheld",
    ):
        assert gap in page, gap
    # of two models, and of each again with held-out sessions that select: two rows without, two with a cell
    assert "noxi_ccc: 2 of 14 cells can be filled" in page
    assert re.search(r"empty: labels of noxi test-base withheld\n +da_mamba-extracted noxi_base", page)
    assert re.search(r"empty: no mpiigi in this configuration\n +da_mamba-extracted mpiigi", page)
    assert "da_mamba-extracted-holdout noxi_base" not in page
    for model in ("facebook/wav2vec2-base-960h", "ViT-B-32/openai", "audeering/wav2vec2-large-robust-12-ft"):
        assert re.search(rf"{re.escape(model)}\S*: missing", page)
    assert page.splitlines()[-1].startswith("  amber") and "\nRED: " in page
    assert "CC BY-NC-SA 4.0" in page and "corpus noxi: research" in page and "\033" not in page
    assert before == everything(place.parent / "NoXi")
    assert {path.name for path in place.iterdir()} == {"lab.yaml", "results"}


@media
def test_of_a_corpus_that_the_workflow_refuses_what_is_there_is_told_all_the_same(place, capsys):
    gapped_noxi.write(place.parent / "NoXi", test=False)
    status, page = said(capsys, lab(), "noxi_ccc")
    assert (
        status == 1
        and "refused: train: 7 sessions, val: 1 sessions, labels: 13 files; without test-base" in page
    )
    assert "003/expert, 003/novice" in page and "red: noxi: " in page and "lacks: [test-base]" in page
    assert re.search(r"empty: noxi has no test-base part\n +da_mamba-extracted noxi_base", page)
    page = said(capsys, lab(lacks=["test-base"]), "noxi_ccc")[1]
    assert "refused" not in page and "red: noxi" not in page


@media
def test_a_second_look_reads_no_file_and_a_changed_corpus_is_looked_at_again(place, capsys):
    root = place.parent / "NoXi"
    gapped_noxi.write(root)
    assert "; discovered\n" in said(capsys, lab(), "noxi_ccc")[1]
    assert "; looked at before\n" in said(capsys, lab(), "noxi_ccc")[1]
    shutil.copyfile(gapped_noxi.SPEECH, root / "train/002/novice.audio.wav")
    plan_corpora._listing.cache_clear()  # of this process
    page = said(capsys, lab(), "noxi_ccc")[1]
    assert "; discovered\n" in page and "without audio" not in page
    # the workflow finds what was read, and no manifest of which Snakemake would not know what it was made of
    (there,) = Path("results/corpora").iterdir()
    assert {path.name for path in there.iterdir()} == {"read-before.txt", "assignment.json"}


def fault(code: str, action: str, recording: str, found: str) -> Fault:
    return Fault("noxi", recording, "expert", "video", code, found, "", action)


def test_the_worst_faults_are_those_by_which_most_is_lost():
    found = by_kind(
        [
            fault("video_hole", "masked", "a", "2 seconds"),
            fault("video_hole", "masked", "b", "10.5 seconds"),
            fault("video_hole", "truncated", "c", "1 second"),
            fault("video_hole", "masked", "d", "3 seconds"),
            fault("latin1_text", "decided", "a", "99 bytes"),
            fault("unreadable_media", "quarantined", "e", "not readable"),
        ]
    )
    assert [one.code for one in found] == ["unreadable_media", "video_hole", "latin1_text"]
    holes = found[1]
    assert [one.recording for one in holes.worst] == ["c", "b", "d"]
    assert holes.count == 4 and holes.actions == {"truncated": 1, "masked": 3} and holes.harmful
    assert not found[2].harmful


def test_a_demo_is_written_looked_at_and_estimated(capsys):
    plan = asked.plan_of([], TINY)
    found = check(plan, ["noxi_ccc"], HERE)
    assert [one.how for one in found.corpora] == ["discovered"] * 3
    (table,) = found.tables
    # two corpora come without raw media, of which their cells and the mean of all have no number
    empty = {(cell.row, cell.column) for cell in table.cells if cell.empty}
    assert empty == {("da_mamba-extracted", column) for column in ("noxi_add", "mpiigi", "global")}
    assert light(reasons(found)) is Light.AMBER and not found.found["noxi"].counts
    Path("lab.yaml").write_text(yaml.safe_dump(TINY))
    assert said(capsys, "lab.yaml", "noxi_ccc")[0] == 0
    assert said(capsys, "lab.yaml", "noxi_ccc", "--strict")[0] == 1
    legs = {leg.name: leg for leg in found.legs}
    assert legs["training"].jobs == 2 and sum(leg.jobs for leg in found.legs) == found.estimate.jobs
    # no sooner than the work allows on two cores, and no later than one job after the other
    work = sum(leg.core_hours for leg in found.legs)
    assert work / 2 < clock_h(found.legs) < 2 * work
    # before there is a manifest it is taken for what the demo holds
    before = asked.plan_of([], TINY, "elsewhere")
    assert asked.describe(before, ["noxi_ccc"], {}, {}, {}, {}) == []
    told, known = before.places.extent("noxi"), found.plan.places.extent("noxi")
    assert told.recordings == known.recordings and told.total == pytest.approx(known.total, rel=0.2)


def test_a_table_of_a_corpus_that_is_not_held_is_red_and_one_that_needs_none_green(capsys):
    Path("lab.yaml").write_text(
        "families: [clips]\ncorpora: {sims: {root: none}, mosei: {root: demo-tiny}}\n"
    )
    status, page = said(capsys, "lab.yaml", "sims_regression")
    assert status == 1 and "red: sims_regression: none of sims is held" in page
    status, page = said(capsys, "lab.yaml", "coupled_efficiency")
    assert status == 0 and "measured here, without corpora" in page and "GREEN" in page
    status, page = said(capsys, "lab.yaml", "sims_regresion")
    assert status == 1 and page == ""


def test_the_light_has_its_colour_on_a_terminal_alone(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert "\033[1;32mGREEN\033[0m" in said(capsys, "damamba_memory")[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033" not in said(capsys, "damamba_memory")[1]


# -- before a run ------------------------------------------------------------------------------------------------


def lines(given, jobs, monkeypatch, free_gb, cores=2):
    room = shutil._ntuple_diskusage(10**13, 0, int(free_gb * 1e9))
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: room)
    Path("results").mkdir(exist_ok=True)
    plan = asked.plan_of([], given)
    return preflight.ahead(plan, jobs, lambda: asked.plan_of([], given), cores, ["lab.yaml"])


JOBS = [("table", {"table": "mosei_regression"}), ("train_clips", {})]
CLIPS = {"scale": "paper", "families": ["clips"], "corpora": {"mosei": {"root": "/nowhere/MOSEI"}}}


def test_before_a_long_run_hours_room_and_roots_are_told(monkeypatch):
    text = lines(CLIPS, JOBS, monkeypatch, 1000)
    assert len(text) == 1 and re.match(r"about \d+.* on 2 cores \(affectssm check lab.yaml", text[0])
    text = lines(CLIPS, JOBS, monkeypatch, 6)
    assert re.match(r"warning: about \d+ GB are still to be written, and 6.0 GB are free", text[0])
    name = asked.plan_of([], CLIPS).places.name("mosei")
    (text, _) = lines(CLIPS, [*JOBS, ("manifest", {"corpus_edition": name})], monkeypatch, 1000)
    assert "corpora.mosei.root: /nowhere/MOSEI is no folder" in text


def test_a_run_is_refused_for_which_there_is_no_room_by_far_and_short_ones_are_left_in_peace(monkeypatch):
    with pytest.raises(DataError, match="are still to be written"):
        lines(CLIPS, JOBS, monkeypatch, 0.5)
    assert lines(TINY, [("table", {"table": "noxi_ccc"}), ("demo_corpora", {})], monkeypatch, 1000) == []
    # a table is only put into its place, or jobs go elsewhere
    assert lines(CLIPS, JOBS[:1], monkeypatch, 0.5) == []
    assert lines(CLIPS, JOBS, monkeypatch, 1000, cores=0) == []
