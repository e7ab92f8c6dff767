"""Transcripts become tokens and hidden states of a BERT; how many are computed together changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from affectssm.corpora.checksums import fingerprint
from affectssm.corpora.manifest import StreamRow, write_manifest
from affectssm.errors import ConfigError, DataError
from affectssm.features.base import Source
from affectssm.features.bert import Bert
from affectssm.features.bert_files import CLS, SEP, BertFiles
from affectssm.features.extract import Shard, extract_shard
from affectssm.features.transcripts import BertTokens
from affectssm.settings.features import completed
from affectssm.store.card import make_card, read_card
from affectssm.store.faults import read_faults
from affectssm.store.shards import ShardReader
from affectssm.torchvision_ops import ensure_torchvision_ops
from tests.features.helpers import row, run

ensure_torchvision_ops()
from transformers import BertConfig, BertForPreTraining, BertTokenizer  # noqa: E402

ENGLISH = [
    "I loved it, really loved it!",
    "no",
    "",
    "boring " * 90,
    "Unaffable, café",
    "  \t ",
    "yes",
    "so",
    "good",
]
CHINESE = ["我很喜欢这部电影。", "不", "好看 OK 2020"]
ENGLISH_MODEL, CHINESE_MODEL = "google-bert/bert-base-uncased", "google-bert/bert-base-chinese"
TINY: dict[str, Any] = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
}  # fmt: skip
PIECES = ["i", "loved", "it", ",", "really", "!", "no", "un", "##aff", "##able", "cafe", "bor", "##ing"]


def clips(folder: Path, texts: list[str] = ENGLISH, language: str = "english") -> list[StreamRow]:
    """A table of clips of a second each, and its rows."""
    folder.mkdir(exist_ok=True)
    lines = [f'vid,{number},"{text}",0,neutral,train' for number, text in enumerate(texts)]
    path = folder / "label.csv"
    path.write_text("\n".join(["video_id,clip_id,text,label,annotation,mode", *lines]) + "\n", "utf-8")
    known = {"checksum": fingerprint([path], "sha256"), "bytes": path.stat().st_size, "language": language}
    return [
        row(
            "label.csv",
            "transcript",
            recording=f"vid[{number}]",
            participant="speaker",
            corpus="mosei",
            **known,
        )
        for number in range(len(texts))
    ]


def bert(**changes: Any) -> Bert:
    return Bert("bert", completed("bert", changes))


def tokens(**changes: Any) -> BertTokens:
    return BertTokens("bert_tokens", completed("bert_tokens", changes))


def ids(folder: Path, number: int, language: str = "english", **changes: Any) -> list[int]:
    track, _ = run(tokens(**changes), folder / "label.csv", recording=f"vid[{number}]", language=language)
    return track.value[:, 0].astype(int).tolist()


def extracted(folder: Path, rows: list[StreamRow], feature: str = "bert", **changes: Any) -> Path:
    write_manifest(folder / "manifest.parquet", rows, make_card("test", ["affectssm.errors"], {}))
    out = folder / feature / "s00.h5"
    shard = Shard(folder / "manifest.parquet", "s00", folder)
    extract_shard(feature, shard, completed(feature, changes), out, out.with_suffix(".faults.parquet"))
    return out


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Two tiny BERTs in the form in which they are published: with pooler and heads, norms under their old names."""
    for model, lower, extra in (
        (ENGLISH_MODEL, True, PIECES),
        (CHINESE_MODEL, False, ["我", "喜", "OK", "不"]),
    ):
        folder = tmp_path / "weights" / model
        words = [
            "[PAD]",
            *(f"[unused{n}]" for n in range(1, 100)),
            "[UNK]",
            "[CLS]",
            "[SEP]",
            "[MASK]",
            *extra,
        ]
        torch.manual_seed(len(extra))
        whole = BertForPreTraining(BertConfig(vocab_size=len(words), **TINY))
        for name, weight in whole.named_parameters():
            if "LayerNorm" in name:  # all alike before training
                torch.nn.init.normal_(weight)
        whole.save_pretrained(folder)
        kept = load_file(folder / "model.safetensors")
        old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
        for new, name in old.items():
            kept = {key.replace(new, name): value for key, value in kept.items()}
        save_file(kept, folder / "model.safetensors", {"format": "pt"})
        (folder / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
        (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": lower}))
    return tmp_path / "weights"


def published(weights: Path) -> dict[str, str]:
    return {"weights": "pretrained", "size": "full", "weights_dir": str(weights)}


def test_a_batch_answers_as_one_by_one(tmp_path: Path) -> None:
    rows = clips(tmp_path)
    out = extracted(tmp_path, rows, batch=3)
    with ShardReader(out) as reader:
        assert reader.keys() == [(f"vid[{number}]", "speaker") for number in (0, 1, 3, 4, 6, 7, 8)]
        for key in list(reader.keys()):
            alone, _ = run(bert(), tmp_path / "label.csv", recording=key[0], language="english")
            together = reader.track(*key)
            assert together.value.dtype == np.float16 and together.value.shape == (len(alone.time), 64)
            np.testing.assert_array_equal(together.value, alone.value)
            np.testing.assert_array_equal(together.time, alone.time)
    faults = read_faults(out.with_suffix(".faults.parquet"))
    assert {(fault.recording, fault.code) for fault in faults} == {
        (f"vid[{number}]", code) for number in (2, 5) for code in ("empty_transcript", "no_rows")
    }
    assert list(read_card(out)["extra"]["encoders"]) == ["english"], (
        "no weights of a language that is not there"
    )


def test_rows_are_tokens_at_equal_parts_of_the_clip(tmp_path: Path) -> None:
    clips(tmp_path)
    told: dict[str, Any] = {"language": "english", "duration_s": 4.0}
    long, _ = run(bert(), tmp_path / "label.csv", recording="vid[3]", **told)
    assert long.value.shape == (50, 64) and long.rate == 12.5
    np.testing.assert_allclose(long.time, (np.arange(50) + 0.5) * 0.08)
    short, _ = run(bert(), tmp_path / "label.csv", recording="vid[1]", **told | {"duration_s": 0.0})
    np.testing.assert_array_equal(short.time, [0.5, 1.5, 2.5])
    found, words = ids(tmp_path, 3), ids(tmp_path, 0)
    assert found[0] == CLS and found[-1] == SEP and len(set(found[1:-1])) == 1
    assert (
        len(words) == 10 and words[2] == words[6] and words[3] == words[7]
    )  # CLS I loved it , really loved it ! SEP
    assert len(ids(tmp_path, 3, tokens=20)) == 20


def test_without_a_vocabulary_chinese_is_read_character_by_character(tmp_path: Path) -> None:
    clips(tmp_path, CHINESE, "chinese")
    assert [len(ids(tmp_path, number, "chinese")) for number in range(3)] == [11, 3, 6]
    assert max(ids(tmp_path, 0, "chinese")) < 21128
    other, _ = run(bert(), tmp_path / "label.csv", recording="vid[1]", language="chinese")
    english, _ = run(bert(), tmp_path / "label.csv", recording="vid[1]", language="english")
    assert np.abs(other.value - english.value).max() > 0.1


def test_published_files_give_the_library_s_own_tokens_and_states(tmp_path: Path, weights: Path) -> None:
    for model, language, texts in ((ENGLISH_MODEL, "english", ENGLISH), (CHINESE_MODEL, "chinese", CHINESE)):
        rows = clips(tmp_path / language, texts, language)
        theirs = BertForPreTraining.from_pretrained(weights / model).bert.eval()
        read = BertTokenizer.from_pretrained(weights / model)
        with ShardReader(extracted(tmp_path / language, rows, **published(weights))) as reader:
            for recording, _ in list(reader.keys()):
                text = texts[int(recording[4:-1])]
                seen = read(text, max_length=50, truncation=True, return_tensors="pt")
                number = int(recording[4:-1])
                assert (
                    ids(tmp_path / language, number, language, **published(weights))
                    == seen["input_ids"][0].tolist()
                )
                with torch.inference_mode():
                    expected = theirs(**seen).last_hidden_state[0].numpy()
                np.testing.assert_allclose(
                    reader.track(recording, "speaker").value.astype(float), expected, atol=5e-3
                )
    assert 100 in ids(tmp_path / "chinese", 2, "chinese", **published(weights)), "words beyond the vocabulary"
    assert ids(tmp_path / "english", 4, **published(weights))[1:4] == [111, 112, 113]  # un ##aff ##able


def test_the_card_holds_what_the_weights_are(tmp_path: Path, weights: Path) -> None:
    rows = clips(tmp_path)
    for feature in ("bert", "bert_tokens"):
        held = read_card(extracted(tmp_path, rows, feature, **published(weights)))["extra"]["encoders"][
            "english"
        ]
        assert set(held["sha256"]) == {
            "config.json",
            "tokenizer_config.json",
            "vocab.txt",
            "model.safetensors",
        }
        assert (held["repository"], held["licence"]) == (ENGLISH_MODEL, "Apache-2.0")
    random = read_card(extracted(tmp_path, rows))["extra"]["encoders"]["english"]
    assert list(random) == ["random_seed"]
    (weights / ENGLISH_MODEL / "vocab.txt").write_text("[UNK]\n")
    with pytest.raises(DataError, match="sha256"):
        extracted(tmp_path, rows, **published(weights))


def test_what_is_missing_is_named(tmp_path: Path, weights: Path) -> None:
    rows = clips(tmp_path)
    (weights / ENGLISH_MODEL / "vocab.txt").unlink()
    with pytest.raises(ConfigError, match=r"without vocab\.txt"):
        extracted(tmp_path, rows, **published(weights))
    with pytest.raises(ConfigError, match="more information needed"):
        BertFiles.of(completed("bert", published(tmp_path)), "chinese")
    with pytest.raises(ConfigError, match="english, chinese"):
        extracted(tmp_path, clips(tmp_path, language=""))
    with pytest.raises(DataError, match=r"no line of vid\[9\]"):
        run(bert(), tmp_path / "label.csv", recording="vid[9]", language="english")


def test_a_killed_job_goes_on_and_a_clip_without_a_line_costs_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = clips(tmp_path, ["a b", "c", "d e f"])
    read, seen = Bert.values, []

    def values(self: Bert, source: Source, found: list[int]) -> np.ndarray:
        seen.append(source.row.recording)
        if seen == ["vid[0]", "vid[1]", "vid[2]"]:
            raise KeyboardInterrupt
        return read(self, source, found)

    monkeypatch.setattr(Bert, "values", values)
    with pytest.raises(KeyboardInterrupt):
        extracted(tmp_path, rows)
    out = extracted(tmp_path, [*rows, StreamRow(**{**rows[0].__dict__, "recording": "vid[9]"})])
    assert seen[3:] == ["vid[2]"]
    with ShardReader(out) as reader:
        assert len(reader.keys()) == 3
    assert [(fault.recording, fault.code) for fault in read_faults(out.with_suffix(".faults.parquet"))] == [
        ("vid[9]", "unreadable_media")
    ]
