"""Every example of the Python interface runs and shows what it says, on what the tiny road has made."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path

import pytest

import affectssm

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


@pytest.fixture(scope="module")
def folder(road, tmp_path_factory):
    """A folder with the results of the road, which examples read and do not change."""
    found = tmp_path_factory.mktemp("examples")
    (found / "results").symlink_to(road.folder / "results")
    return found


@pytest.fixture
def place(folder, monkeypatch):
    monkeypatch.chdir(folder)


def run(text: str, name: str, said: list[str]) -> int:
    examples = doctest.DocTestParser().get_doctest(text, {"affectssm": affectssm}, name, name, 0)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(examples, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
    return len(examples.examples)


@pytest.mark.workflow
@pytest.mark.parametrize("name", affectssm.__all__)
def test_the_examples_of_a_name(place, name):
    assert run(inspect.getdoc(getattr(affectssm, name)), name, [])


@pytest.mark.workflow
def test_what_cannot_be_asked_is_an_error_of_ours(place):
    corpus = affectssm.open_corpus("noxi", "results/demo/demo-tiny/noxi")
    for options in ({"hz": 0}, {"recordings": ["404"]}, {"scale": "large"}, {"weight_dir": "x"}):
        with pytest.raises(affectssm.AffectError) as caught:
            affectssm.features(corpus, "clip", **options)
        assert caught.value.remedy
    index = "results/windows/engagement-multimediate-demo-tiny/train.parquet"
    for call in (
        lambda: affectssm.features(corpus, []),
        lambda: affectssm.features("results/card.mp4", "wav2vec2"),
        lambda: affectssm.open_corpus("noxi", "results/demo/demo-tiny/noxi", shard=1),
        lambda: affectssm.windows(index, "wav2vec3"),
        lambda: affectssm.load_model("da_mamba"),
        lambda: affectssm.predict("da_mamba-multimediate", "x.mp4"),
    ):
        with pytest.raises(affectssm.AffectError):
            call()


@pytest.mark.workflow
def test_a_folder_of_work_gives_what_is_asked_for_and_no_more(place, tmp_path):
    corpus = affectssm.open_corpus("noxi", "results/demo/demo-tiny/noxi", work=tmp_path / "corpus")
    for recordings in (["001"], ["013", "010"]):
        found = affectssm.features(corpus, "clip", recordings=recordings, work=tmp_path)
        assert found.recording.unique().tolist() == sorted(recordings)
    direct = affectssm.windows("results/windows/engagement-multimediate-demo-tiny/train.parquet", "clip")
    track = direct.files["clip"].track(("noxi", "013", "expert"))
    own = found[(found.recording == "013") & (found.participant == "expert")]
    assert own.clip_valid.tolist() == track.valid.tolist() and own.time_s.tolist() == track.time.tolist()
    assert (own.filter(regex=r"clip_\d").to_numpy()[track.valid] == track.value[track.valid]).all()


@pytest.mark.workflow
def test_the_examples_of_the_page(place):
    assert run("import affectssm\n" + PAGE.read_text(encoding="utf-8"), PAGE.name, [])
