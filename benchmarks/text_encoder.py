"""What a clip's transcript costs with a BERT on a CPU: as a frozen extractor, and trained inside a model.

    python benchmarks/text_encoder.py            # four minutes on one core
    python benchmarks/text_encoder.py --quick    # a few seconds on small networks: proves that it runs

bert-base on random weights in float32, one thread. Extraction goes as in the workflow, from a table and a manifest to a
feature file, clip by clip and as many a pass as the settings say; the times are CPU seconds of the whole process, less
those of opening the network, and wall seconds beside them. A training step is forward, backward and Adam over padded
texts. Texts are of random words whose number is log-normal with the mean number of tokens said in the page; longer ones
than 48 words are cut. Writes benchmarks/results/text_encoder.md.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measuring import interleaved, memory
from pages import RESULTS, parser, processor, table, versions

WORDS = {"english": 22, "chinese": 16}  # mean; English ones in pieces, of 19 words
CLIPS = {"CMU-MOSEI": ("english", 22856), "CH-SIMS": ("chinese", 2281), "CH-SIMS v2": ("chinese", 14564)}
BATCH = 32
HEAD = ["transcripts", "clips a pass", "clips a second of CPU time", "of wall time", "opening it, s"]
STEP_HEAD = [
    "trained", "checkpointing", "CPU s a step", "clips a second of CPU time", "core hours an epoch of CMU-MOSEI",
]  # fmt: skip


def texts(language: str, count: int) -> list[str]:
    """Random transcripts."""
    rng = np.random.default_rng(len(language))
    sizes = np.clip(rng.lognormal(np.log(WORDS[language]) - 0.125, 0.5, count).round(), 1, 60).astype(int)
    if language == "chinese":
        return ["".join(map(chr, rng.integers(0x4E00, 0x9FA5, size))) for size in sizes]
    return [" ".join(f"w{word}" for word in rng.integers(0, 9999, size)) for size in sizes]


def write_corpus(folder: Path, language: str, count: int) -> Path:
    """Write a table of clips and its manifest; return the manifest."""
    from affectssm.corpora.checksums import fingerprint
    from affectssm.corpora.manifest import StreamRow, write_manifest
    from affectssm.store.card import make_card

    folder.mkdir()
    lines = [f"v,{number},{text},0,neutral,train" for number, text in enumerate(texts(language, count))]
    path = folder / "label.csv"
    path.write_text("\n".join(["video_id,clip_id,text,label,annotation,mode", *lines]), encoding="utf-8")
    known = {
        "corpus": "mosei", "split": "train", "participant": "speaker", "kind": "transcript", "path": path.name,
        "base": "root", "rate": 1.0, "frames": 1, "dim": 1, "duration_s": 7.0, "bytes": path.stat().st_size,
        "checksum": fingerprint([path], "sha256"), "fold_group": "v", "language": language, "shard": "s00",
    }  # fmt: skip
    rows = [StreamRow(**{**known, "recording": f"v[{number}]"}) for number in range(count)]
    write_manifest(folder / "manifest.parquet", rows, make_card("benchmark", ["affectssm.errors"], {}))
    return folder / "manifest.parquet"


def extraction(folder: Path, language: str, count: int, size: str) -> Iterator[list[str]]:
    """Rows of the first table."""
    from affectssm.features.bert_files import BertFiles
    from affectssm.features.bert_network import load
    from affectssm.features.extract import Shard, extract_shard
    from affectssm.settings.features import completed

    manifest = write_corpus(folder / language, language, count)
    opening = interleaved(
        {"": lambda: load(BertFiles.of(completed("bert", {"size": size}), language))}, 2, warm=1
    )[""]
    for batch in (1, BATCH):
        out = folder / f"{language}-{batch}.h5"
        settings = completed("bert", {"size": size, "batch": batch})
        shard = Shard(manifest, "s00", manifest.parent)
        wall, cpu = time.perf_counter(), time.process_time()
        extract_shard("bert", shard, settings, out, out.with_suffix(".faults.parquet"))
        wall, cpu = time.perf_counter() - wall - opening[0], time.process_time() - cpu - opening[1]
        row = [f"{language}, {count}", str(batch), f"**{count / cpu:.1f}**", f"{count / wall:.1f}"]
        yield [*row, f"{opening[1]:.1f}"]


def steps(size: str, rounds: int) -> Iterator[list[str]]:
    """Rows of the second table."""
    import torch

    from affectssm.features.bert_files import BertFiles
    from affectssm.models.text_encoder import TunedText
    from affectssm.settings.features import completed
    from affectssm.settings.text_tuning import TunedTextSettings
    from affectssm.training.optimisers import GroupedAdam
    from affectssm.training.text_tuning import parameter_groups, text_encoder

    class Head(torch.nn.Linear):
        def forward(self, values, mask):
            return super().forward(values["text"].mean(1))

    settings = completed("bert", {"size": size})
    read = BertFiles.of(settings, "english").tokenizer()
    seen = [read(text)[:50] for text in texts("english", BATCH)]
    ids = torch.zeros(BATCH, 50, 1)
    for text, row in zip(seen, ids, strict=True):
        row[: len(text), 0] = torch.tensor(text)
    mask = {"tokens": ids[..., 0] > 0}
    for blocks, again in ((None, False), (None, True), (2, False)):
        tuning = TunedTextSettings(blocks=blocks, checkpointing=again)
        encoder, _ = text_encoder(settings, "english", tuning)
        model = TunedText(encoder, Head(encoder.dim, 1)).train()
        optimiser = GroupedAdam(parameter_groups(model, 5e-4, 5e-4, tuning), 5e-4)

        def step(model=model, optimiser=optimiser) -> None:
            optimiser.zero_grad()
            model({"tokens": ids}, mask).abs().mean().backward()
            optimiser.step()

        cpu = interleaved({"": step}, rounds)[""][1]
        what = "all" if blocks is None else f"last {blocks} blocks"
        hours = CLIPS["CMU-MOSEI"][1] / BATCH * cpu / 3600
        yield [what, "on" if again else "off", f"{cpu:.2f}", f"**{BATCH / cpu:.2f}**", f"{hours:.1f}"]


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument("--quick", action="store_true", help="small networks, few clips; writes no result")
    given = asked.parse_args()
    import torch

    torch.set_num_threads(1)
    size, count, rounds = ("small", 40, 1) if given.quick else ("full", 400, 2)
    began, load = time.monotonic(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        lines = [row for language in WORDS for row in extraction(Path(name), language, count, size)]
    peak = memory("VmHWM") / 1e9
    rates = {row[0].partition(",")[0]: float(row[2].strip("*")) for row in lines}
    hours = [[name, str(clips), f"{clips / rates[one] / 3600:.2f}"] for name, (one, clips) in CLIPS.items()]
    text = f"""# BERT on a CPU

Measured by `python benchmarks/text_encoder.py` in {(time.monotonic() - began) / 60:.1f} minutes on one core of
{processor()}, {versions()}; load average {load:.1f} at the start,
{os.getloadavg()[0]:.1f} at the end.
12 layers of 768, random weights, float32; {WORDS["english"]} English pieces or {WORDS["chinese"]} Chinese characters a
clip in the mean, and CLS and SEP. From the table to the feature file, at a peak of {peak:.2f} GB:

{table([HEAD, *lines])}

At the last rate of its language a corpus takes

{table([["corpus", "clips", "core hours"], *hours])}

A training step on {BATCH} English transcripts (forward, backward, Adam; median of {rounds}):

{table([STEP_HEAD, *steps(size, rounds)])}
"""
    print(text)
    if not given.quick:
        (RESULTS / "text_encoder.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
