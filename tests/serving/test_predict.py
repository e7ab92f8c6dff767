"""From media to a time series by a packed model: features as in training, the whole length, notes, files beside it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.io import wavfile

from affectssm import cli
from affectssm.corpora.manifest import StreamRow
from affectssm.errors import ConfigError, DataError
from affectssm.serving.asked_features import Asked, asked_of, check_encoders
from affectssm.serving.notes import without_text
from affectssm.serving.pack import pack
from affectssm.serving.pack_format import Wanted
from affectssm.serving.packed import unpacked, verified
from affectssm.serving.plot import MOST_POINTS, draw, thinned
from affectssm.serving.predict import Options, predict
from affectssm.serving.training_features import encoder_told
from affectssm.store.atomic import write_text
from tests.serving.small_models import changed, dialogue_run, video_run
from tests.serving.test_packs import edited

FACES = Path(__file__).resolve().parents[3] / "shared/media/face"
real = pytest.mark.skipif(not FACES.is_dir(), reason="needs the real media (../shared/media/face)")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("predict")


@pytest.fixture(scope="module")
def voice(place) -> Path:
    """A model of dialogues that reads sound alone."""
    return pack(dialogue_run(place / "results", {"audio": ["wav2vec2"]}), place / "voice.zip")


@pytest.fixture(scope="module")
def crops(place) -> Path:
    return pack(video_run(place / "results"), place / "crops.zip")


@real
def test_a_video_is_answered_from_its_first_frame_to_its_last(voice, place):
    out, work = place / "out" / "clip.csv", place / "work"
    words = [
        "predict",
        str(voice),
        str(FACES / "single_face.mp4"),
        "--out",
        str(out),
        "--plot",
        "--work",
        str(work),
    ]
    assert cli.main(words) == 0
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert rows[0]["recording"] == "single_face" and float(rows[0]["start_s"]) == 0
    assert (
        float(rows[-1]["stop_s"]) == pytest.approx(72 / 30, abs=1e-3) and len(rows) == 60
    )  # 25 a second of 2.4 s
    assert np.allclose(np.diff([float(row["time_s"]) for row in rows]), 0.04)
    assert all(0 < float(row["engagement"]) < 1 for row in rows if row["valid"] == "1")
    told = json.loads(out.with_suffix(".provenance.json").read_text())
    assert told["model"]["title"] == "DA-Mamba" and len(told["model"]["sha256"]) == 64
    assert "a demo model" in told["notes"][0] and "given nobody but the person" in told["notes"][1]
    assert out.with_suffix(".png").read_bytes()[:4] == b"\x89PNG"
    assert out.with_suffix(".faults.csv").read_text().startswith("corpus,recording,participant,stream,code")
    before = (work / "features/wav2vec2/s00.h5").stat().st_mtime_ns, out.read_bytes()
    assert cli.main(words) == 0  # what was computed is not computed again
    assert out.read_bytes() == before[1]
    frame = predict(voice, [FACES / "single_face.mp4"], work=work)
    assert len(frame) == 60 and frame.attrs["notes"] == told["notes"]
    written = [float(row["engagement"] or "nan") for row in rows]
    np.testing.assert_allclose(frame["engagement"], written, rtol=1e-5)


@real
def test_a_still_picture_and_a_text_are_one_clear_error(voice, tmp_path, capsys):
    from PIL import Image

    Image.new("RGB", (32, 32)).save(tmp_path / "still.png")
    (tmp_path / "still.png").rename(tmp_path / "still.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    for name in ("still.mp4", "text.mp4", "absent.mp4"):
        words = ["predict", str(voice), str(tmp_path / name), "--out", str(tmp_path / "out.csv")]
        assert cli.main(words) == 1
        said = capsys.readouterr().err
        assert name.split(".")[0] in said and "remedy:" in said and "Traceback" not in said
    assert not (tmp_path / "out.csv").exists()


def test_a_sound_file_has_no_face_to_answer_for(crops, tmp_path):
    wavfile.write(tmp_path / "sound.mp4", 8000, np.zeros(8000, np.int16))
    with pytest.raises(DataError, match=r"(?s)audio alone.*video, which Mamba-VA reads"):
        predict(crops, [tmp_path / "sound.mp4"], Options(accept_other_crops=True))


def test_a_model_of_supplied_crops_is_refused_unless_other_crops_are_accepted(crops, tmp_path):
    with pytest.raises(ConfigError, match=r"(?s)feature mae.*--accept-other-crops"):
        predict(crops, [tmp_path / "any.mp4"])
    with unpacked(crops) as (packed, run):
        (one,), faces = asked_of(packed.description, run, tmp_path, Path("w"), True)
    assert (one.name, one.made_as, one.settings["weights_dir"]) == ("mae", "mae_video", "w")
    assert one.settings["margin"] == 0.1 and faces["zoom"] == 4


def test_streams_that_only_an_owner_distributes_are_named(place, tmp_path):
    groups = {"audio": ["egemapsv2"], "visual": ["clip"]}
    model = pack(dialogue_run(tmp_path / "results", groups), tmp_path / "m.zip")
    with pytest.raises(ConfigError, match=r"(?s)features egemapsv2, clip.*pack another run of DA-Mamba"):
        predict(model, [tmp_path / "any.mp4"])


def test_an_encoder_of_other_weights_than_in_training_is_refused(voice, tmp_path):
    from affectssm.store.card import make_card
    from affectssm.store.shards import ResumableShard

    with unpacked(voice) as (packed, run):
        asked, _ = asked_of(packed.description, run, tmp_path, Path("w"), False)
    card = make_card("features/wav2vec2", ["affectssm.timeline.clock"], {}, encoder={"random_seed": 5})
    ResumableShard(tmp_path / "wav2vec2" / "s00.h5", card).finish()
    with pytest.raises(DataError, match=r"(?s)feature wav2vec2.*seed 5.*--weights-dir"):
        check_encoders(asked, tmp_path)


def test_encoders_of_texts_are_compared_by_their_language(tmp_path):
    from affectssm.store.card import make_card
    from affectssm.store.shards import ResumableShard

    def lock(seed: str) -> dict:
        return {"repository": f"r{seed}", "licence": "free", "sha256": {"a.bin": seed * 64}}

    def check(trained: dict, found: dict) -> None:
        wanted = Wanted(settings={}, encoder=encoder_told({"encoders": trained}))
        card = make_card("features/bert_text", ["affectssm.timeline.clock"], {}, encoders=found)
        path = tmp_path / "bert" / "s00.h5"
        path.unlink(missing_ok=True)
        ResumableShard(path, card).finish()
        check_encoders([Asked("bert", "bert", {}, wanted)], tmp_path)

    one, two = {"english": lock("1")}, {"chinese": lock("2"), "english": lock("1")}
    assert encoder_told({"encoders": one})["repository"] == "r1"
    assert encoder_told({"encoders": two})["repository"] == "r2; r1"
    check(one, one)
    check(two, one)  # of two languages, texts in one
    check(one, {})  # no text, no encoder
    for trained, found in ((one, {"chinese": lock("2")}), (one, two), (one, {"english": {"random_seed": 1}})):
        with pytest.raises(DataError, match=r"(?s)feature bert.*the language of training"):
            check(trained, found)


def test_who_has_no_text_is_a_fault_where_what_is_said_is_read():
    def row(who: str, kind: str) -> StreamRow:
        return StreamRow(
            "given", "all", "a", who, kind, f"{who}.x", "root", 1.0, 1, 0, 1.0, 1, "", "a", "", "s00"
        )

    rows = [row("p1", "video"), row("p1", "text"), row("p2", "video")]
    (fault,) = without_text(rows, ["clip_face", "bert"])
    assert (fault.participant, fault.code, fault.action) == ("p2", "empty_transcript", "masked")
    assert not without_text(rows, ["clip_face", "wav2vec2"])


def test_options_that_the_model_does_not_have_are_refused(voice, crops, tmp_path, capsys):
    with pytest.raises(ConfigError, match="a model without adaptation"):
        predict(voice, [tmp_path / "any.mp4"], Options(adapt="tent"))
    assert cli.main(["predict", str(voice), "a.mp4", "--out", str(voice)]) == 1
    assert "a file that is read" in capsys.readouterr().err
    bad = changed(voice, tmp_path / "bad.zip", "index.json", edited(format=2))
    assert cli.main(["predict", str(bad), "a.mp4", "--out", str(tmp_path / "out.csv")]) == 1
    assert "update affectssm" in capsys.readouterr().err


def test_places_that_cannot_be_written_are_told(voice, tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    words = ["predict", str(voice), "a.mp4"]
    assert cli.main([*words, "--out", str(tmp_path)]) == 1
    assert "found:    a folder" in capsys.readouterr().err
    assert cli.main([*words, "--out", str(tmp_path / "a.csv"), "--work", str(tmp_path / "file")]) == 1
    assert f"{tmp_path / 'file'}\n  found:    writing failed" in capsys.readouterr().err
    with pytest.raises(DataError, match="writing failed"):
        write_text(tmp_path / "file" / "a.csv", "x")


def test_a_long_line_is_drawn_of_few_points_and_keeps_its_gap():
    values = np.sin(np.arange(50_000) / 500)
    values[20_000:21_000] = np.nan
    time, drawn = thinned(np.arange(50_000) * 0.04, values)
    assert len(time) <= MOST_POINTS and np.isnan(drawn).sum() in range(57, 60)
    assert time[np.isnan(drawn)].min() == pytest.approx(800, abs=1)
    np.testing.assert_allclose(drawn[:100], np.sin((time[:100] / 0.04) / 500), atol=1e-3)


def test_a_name_with_dollars_is_drawn_as_it_is(voice, tmp_path):
    times = {"start_s": [0.0, 0.0], "stop_s": [0.04, 0.04], "time_s": [0.02, 0.02]}
    who = {"recording": [r"5$ \frac 6$", "b"], "participant": ["p1", r"$\x$"]}
    table = pa.table({**who, **times, "engagement": [0.5, 0.6], "valid": [True, True]})
    draw(table, verified(voice).description, [r"absent in 5$ \frac 6$"], tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
