"""Packed models: what they hold, that the same run gives the same bytes, and what is refused in a stranger's."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import stat
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from affectssm.errors import ConfigError, DataError
from affectssm.serving.asked_features import asked_of
from affectssm.serving.pack import pack
from affectssm.serving.packed import unpacked, verified
from affectssm.serving.which import find_run
from affectssm.store.card import sha256
from affectssm.training.run_files import write_tensors
from tests.serving.small_models import changed, dialogue_run, video_run

AUDIO = {"audio": ["wav2vec2"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("packs")


@pytest.fixture(scope="module")
def run(place) -> Path:
    return video_run(place / "results")


@pytest.fixture(scope="module")
def model(place, run) -> Path:
    return pack(run, place / "model.zip")


def test_a_pack_holds_weights_configuration_features_licences_and_scores(model, run):
    with zipfile.ZipFile(model) as archive:
        index = json.loads(archive.read("index.json"))
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        for name, one in index["members"].items():
            content = archive.read(name)
            assert hashlib.sha256(content).hexdigest() == one["sha256"] and len(content) == one["bytes"]
        assert archive.read("checkpoint.safetensors") == (run / "checkpoint.safetensors").read_bytes()
        page = archive.read("README.md").decode()
        assert set(archive.namelist()) == {*index["members"], "index.json"}
    told = verified(model)
    assert told.description.features["mae"].settings["model"] == "facebook/vit-mae-large"
    assert told.description.quantities == {"valence": (-1, 1), "arousal": (-1, 1)}
    # a row a metric, of this seed alone, never the summary over seeds
    assert [(one["metric"], one["value"], one["n"], one["of"]) for one in told.description.scores] == [
        ("valence", 0.125, 3, 4), ("arousal", 0.125, 3, 4),
    ]  # fmt: skip
    assert "A demo model" in page and "corpus Aff-Wild2 (demo)" in page and "n 3 of 4" in page
    assert told.config["groups"] == {"visual": ["mae"]}
    assert told.description.beside == {"windows": {"length": 10, "stride": 8}}


def test_packing_twice_gives_the_same_bytes_and_replaces_nothing_unasked(model, run, tmp_path):
    again = pack(run, tmp_path / "again.zip")
    assert again.read_bytes() == model.read_bytes()
    with pytest.raises(ConfigError, match="a file that is there"):
        pack(run, again)
    assert pack(run, again, force=True).read_bytes() == model.read_bytes()


def test_a_run_is_unpacked_into_a_private_folder_that_goes_away(model, run):
    with unpacked(model) as (_, folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert (folder / "checkpoint.safetensors").read_bytes() == (
            run / "checkpoint.safetensors"
        ).read_bytes()
    assert not folder.exists()


def test_a_run_with_several_sets_of_weights_asks_which_one(tmp_path):
    adapted = dialogue_run(tmp_path, AUDIO, sessions=("026", "027"))
    with pytest.raises(ConfigError, match="2 sets of weights: 026, 027"):
        pack(adapted, tmp_path / "m.zip")
    with pytest.raises(ConfigError, match="no set of weights of this run"):
        pack(adapted, tmp_path / "m.zip", weights_set="028")
    told = verified(pack(adapted, tmp_path / "m.zip", weights_set="027"))
    assert told.description.set == "027" and told.description.corpora == ("noxi", "mpiigi")


def test_an_ambiguous_experiment_names_its_runs(run, place):
    results = place / "two"
    video_run(results, seed=1)
    video_run(results, seed=2)
    with pytest.raises(ConfigError, match=r"2 runs.*fold0/1.*fold0/2"):
        find_run("mamba_va-mae", results)
    assert find_run("mamba_va-mae", results, seed=2).name == "2"
    with pytest.raises(ConfigError, match="mamba_va-mae"):
        find_run("mamba_va-moe", results)
    with pytest.raises(DataError, match=r"no such file"):
        shutil.copy(results / "runs/mamba_va-mae-affwild2-tiny/fold0/1/config.yaml", place / "config.yaml")
        pack(find_run(str(place), results), place / "x.zip")


def test_an_encoder_that_was_tuned_for_the_fold_is_packed_with_the_model(tmp_path):
    def encoder(path: Path, fold: int) -> str:
        card = {
            "id": f"{fold}",
            "stage": "encoder_tuning",
            "extra": {"base": {"random_seed": 1}, "fold": fold, "recordings": ["v"]},
        }
        write_tensors(path, {"encoder.a": torch.full((2,), float(fold))}, card)
        return sha256(path)

    encoder(tmp_path / "results/encoders/other/fold0.safetensors", 5)
    own = encoder(tmp_path / "results/encoders/valence_arousal-mae_tuned-official/fold0.safetensors", 0)
    run = video_run(tmp_path / "results", "mae_tuned", tuned={"sha256": own, "fold": 0, "recordings": ["v"]})
    model = pack(run, tmp_path / "m.zip")
    with unpacked(model) as (packed, folder):
        assert sha256(folder / "encoder.safetensors") == own
        (one,), _ = asked_of(packed.description, folder, tmp_path / "work", Path("w"), True)
    assert one.made_as == "mae_video" and one.name == "mae_tuned-fold0"
    assert sha256(one.settings["tuned"]) == own and Path(one.settings["tuned"]).parent == tmp_path / "work"
    with pytest.raises(DataError, match=r"(?s)encoder.safetensors.*where model.json says so"):
        verified(changed(model, tmp_path / "bad.zip", "encoder.safetensors", lambda _: None))
    (tmp_path / "results/encoders/valence_arousal-mae_tuned-official/fold0.safetensors").unlink()
    with pytest.raises(DataError, match="no tuned encoder of fold0"):
        pack(run, tmp_path / "n.zip")


class Payload:
    """What would run on being unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def torch_file(path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
    return path.read_bytes()


def edited(**values):
    """Change keys of a JSON object; a.b for one below."""

    def change(content: bytes) -> bytes:
        found = json.loads(content)
        for key, value in values.items():
            *above, last = key.split("__")
            inner = found
            for name in above:
                inner = inner[name]
            inner[last] = value
        return json.dumps(found).encode()

    return change


CARDED = save({"a": torch.zeros(1)}, {"card": json.dumps({"id": "x", "stage": "s", "extra": {}})})
HOSTILE = {
    "newer": ("index.json", edited(format=99, affectssm="9.9"), "packed by affectssm 9.9, in format 99"),
    "index of something else": ("index.json", lambda _: b"[]", "index.json.*no JSON object"),
    "a member too many": ("extra.txt", lambda _: b"x", "extra.txt.*a member that no packed model has"),
    "a member too few": ("card.json", lambda _: None, "card.json.*no such member"),
    "a path outside": ("../evil.txt", lambda _: b"x", "evil.txt.*a path outside of the file"),
    "an absolute path": ("/etc/evil", lambda _: b"x", "evil.*a path outside of the file"),
    "a folder": ("in/checkpoint.safetensors", lambda _: b"x", "a path"),
    "a drive": ("C:evil", lambda _: b"x", "a path outside of the file"),
    "a pickle by name": ("weights.pkl", lambda _: b"x", "weights.pkl.*a pickle or a file of torch"),
    "a file of torch by name": ("model.PT", lambda _: b"x", "model.PT.*a pickle or a file of torch"),
    "weights without a card": (
        "checkpoint.safetensors", lambda _: save({"a": torch.zeros(1)}), "no safetensors file with a card",
    ),
    "an encoder that nobody reads": ("encoder.safetensors", lambda _: CARDED, "an encoder where model.json says so"),
    "no safetensors": ("checkpoint.safetensors", lambda _: b"\xff" * 64, "checkpoint.*no safetensors file"),
    "a family that is none": ("model.json", edited(family="os"), "a model of the family 'os'"),
    "a model that is none": ("model.json", edited(model="os:system"), "a model called 'os:system'"),
    "a path for a model": (
        "model.json", edited(features__mae__settings__model="../../secret"), "letters, digits and one / at most",
    ),
    "a path for the model of a language": (
        "model.json", edited(features__mae__settings__english={"model": "../../secret"}), "english.model: letters",
    ),
    "weights that are none": ("model.json", edited(features__mae__settings__weights=None), "weights: None"),
    "a terminal's words": ("model.json", edited(title="\x1b[31m"), "title with characters that cannot be printed"),
    "another corpus": ("model.json", edited(corpora=["noxi"]), "corpora noxi.*those of config.json"),
    "counts beyond all sizes": ("model.json", edited(beside={"windows": {"length": 1 << 30}}), "beyond 1048576"),
    "a file for an encoder": (
        "model.json", edited(features__mae__settings__tuned="other"), "tuned: none; a tuned encoder is a member",
    ),
    "a setting that is none": ("model.json", edited(features__mae__settings__shell="ls"), "settings of mae: shell"),
    "another feature": ("config.json", edited(groups={"visual": ["wav2vec2"]}), "features mae"),
    "a setting of another kind": ("config.json", edited(forward_fill="rm"), "config.json: forward_fill"),
    "a network beyond all sizes": (
        "config.json", edited(model_settings__hidden=10**9), "feature_dims.* or model_settings that are none",
    ),
    "a network beyond all sizes, deeper": (
        "config.json", edited(model_settings__own={"hidden": 10**9}), "config.json",
    ),
    "columns beyond all sizes": ("config.json", edited(dims={"audio": 1 << 39}), "dims.* that are none"),
    "windows beyond all sizes": ("model.json", edited(beside={"windows": {"length": 10**9, "stride": 1}}), "beside"),
    "deep values": ("config.json", lambda _: b'{"a":' * 40 + b"1" + b"}" * 40, "values deeper than"),
    "endless nesting": ("config.json", lambda _: b"[" * 100_000, "config.json.*no JSON"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_pack_that_is_none_of_ours_is_refused_with_its_member(case, model, tmp_path):
    member, change, said = HOSTILE[case]
    bad = changed(model, tmp_path / "bad.zip", member, change)
    with pytest.raises(DataError, match=f"(?s){said}"):
        verified(bad)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.zip"]


@pytest.mark.parametrize("member", ["checkpoint.safetensors", "config.json", "README.md", "card.json"])
def test_a_changed_byte_names_the_member(member, model, tmp_path):
    def flipped(content: bytes) -> bytes:
        return content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]

    bad = changed(model, tmp_path / "bad.zip", member, flipped, resign=False)
    with pytest.raises(DataError, match=f"(?s){member}.*sha256"):
        verified(bad)
    # the very bytes of the file, which ZIP's own checksum notices as well
    content = bytearray(model.read_bytes())
    with zipfile.ZipFile(model) as archive:
        info = archive.getinfo(member)
    content[info.header_offset + 30 + len(member) + info.file_size // 2] ^= 1
    bad.write_bytes(content)
    with pytest.raises(DataError, match=member):
        verified(bad)


def test_a_pickle_in_place_of_weights_is_refused_and_never_run(model, tmp_path):
    ran = tmp_path / "ran"
    for content, said in (
        (pickle.dumps(Payload(ran)), "a pickle, which could run anything"),
        (torch_file(tmp_path / "t.pt"), "a file of torch"),
    ):
        for member in ("checkpoint.safetensors", "encoder.safetensors"):
            bad = changed(model, tmp_path / "bad.zip", member, lambda _, own=content: own)
            with pytest.raises(DataError, match=said):
                verified(bad)
    bad = changed(model, tmp_path / "bad.zip", "config.json", lambda _: pickle.dumps(Payload(ran)))
    with pytest.raises(DataError, match=r"config\.json"):
        verified(bad)
    assert not ran.exists()


def test_links_doubles_and_compressed_members_are_refused(model, tmp_path):
    def rewritten(**how) -> Path:
        out = tmp_path / "bad.zip"
        with zipfile.ZipFile(model) as old, zipfile.ZipFile(out, "w") as new:
            for info in old.infolist():
                content = old.read(info)
                if info.filename == "README.md":
                    info.external_attr = how.get("mode", 0o100644) << 16
                    info.compress_type = how.get("kind", zipfile.ZIP_STORED)
                new.writestr(info, content)
                if info.filename == "README.md" and how.get("twice"):
                    with pytest.warns(UserWarning):
                        new.writestr("README.md", content)
        return out

    for how, said in (
        ({"mode": 0o120777}, "a link"),
        ({"twice": True}, "there twice"),
        ({"kind": zipfile.ZIP_DEFLATED}, "compressed"),
    ):
        with pytest.raises(DataError, match=f"(?s)README.md.*{said}"):
            verified(rewritten(**how))


def test_a_size_beyond_its_kind_is_refused_before_it_is_read(model, tmp_path, monkeypatch):
    from affectssm.serving import pack_format

    monkeypatch.setitem(pack_format.LARGEST, "README.md", 100)
    with pytest.raises(DataError, match=r"(?s)README.md.*100 at most"):
        verified(model)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 broken", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_pack_says_so(content, tmp_path):
    path = tmp_path / "model.zip"
    path.write_bytes(content)
    with pytest.raises(DataError, match="a packed model"):
        verified(path)
    with pytest.raises(DataError, match="a folder, no regular file"):
        verified(tmp_path)
    with pytest.raises(DataError, match="No such file"):
        verified(tmp_path / "absent.zip")
