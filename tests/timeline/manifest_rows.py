"""Rows of a manifest, of people with some kinds of streams."""

from affectssm.corpora.manifest import StreamRow

RAW_KINDS = ("audio", "video")
RAW = (*RAW_KINDS, "annotation")


def row(corpus, split, recording, participant, kind, frames=500):
    rate = {"audio": 16000.0}.get(kind, 25.0)
    count = int(frames / 25 * rate)
    path = f"{recording}/{participant}.{kind}"
    return StreamRow(
        corpus, split, recording, participant, kind, path, "root", rate, count, 1, frames / 25, 1, "sha256:0",
        recording, "", "s00",
    )  # fmt: skip


def session(corpus, split, recording, people, frames=500):
    """``people``: participant -> kinds."""
    return [
        row(corpus, split, recording, name, kind, frames) for name, kinds in people.items() for kind in kinds
    ]


def group(seats):
    return {f"subjectPos{i + 1}": RAW for i in range(seats)}
