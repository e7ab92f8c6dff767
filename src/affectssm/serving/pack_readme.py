"""The page for people in a packed model: what it is, what it reads, how well it did on what, and under which terms."""

from __future__ import annotations

from affectssm.serving.models import score_text
from affectssm.serving.pack_format import Description
from affectssm.vocabulary.corpora import CORPORA


def readme(told: Description) -> str:
    """Return the page as Markdown."""
    return "\n".join([*_head(told), *_use(told), *_reads(told), *_scores(told), *_licences(told)]) + "\n"


def _head(told: Description) -> list[str]:
    corpora = ", ".join(CORPORA[one].title if one in CORPORA else one for one in told.corpora)
    answers = ", ".join(
        name + (f" ({span[0]:g} to {span[1]:g})" if span else "") for name, span in told.quantities.items()
    )
    lines = [
        f"# {told.title}: {', '.join(told.quantities)}",
        "",
        f"Answers {answers} for every {'item as a whole' if told.by_item else 'frame of a person'}. "
        f"Trained on {corpora or 'an unknown corpus'} (edition {told.edition}), experiment {told.experiment}"
        f"{', ' + told.part if told.part else ''}, seed {', '.join(map(str, told.seeds))}"
        f"{f', weights {told.set}' if told.set else ''}"
        f"{f', epoch {told.epoch}' if told.epoch is not None else ''}.",
        "",
    ]
    if told.demo:
        why = ["a corpus that was made by the demo"] * (told.data == "demo")
        why += ["features of encoders with random weights"] * (told.weights == "random")
        lines += [f"**A demo model**, of {' and '.join(why)}: its answers say nothing about people.", ""]
    return lines


def _use(told: Description) -> list[str]:
    more = " partner.mp4" if told.partners else ""
    return [
        "    affectssm predict model.zip video.mp4" + more + " --out predictions.csv --plot",
        "",
        "Answers are estimates of how raters of the corpus would rate, and carry that corpus's bias in age, origin, "
        "language and situation. They do not measure what somebody feels, and no decision about people may rest on "
        "them.",
        "",
    ]


def _reads(told: Description) -> list[str]:
    lines = ["## Reads", "", "| feature | settings | encoder |", "|---|---|---|"]
    for name, one in told.features.items():
        settings = ", ".join(
            f"{key} {value}" for key, value in sorted(one.settings.items()) if value not in ("", None)
        )
        encoder = one.encoder
        if "random_seed" in encoder:
            said = "random weights"
        elif encoder:
            files = "; ".join(f"{file} sha256 {digest}" for file, digest in encoder.get("sha256", {}).items())
            said = f"{encoder.get('repository', '')} {encoder.get('revision', '')} {files}".strip()
        else:
            said = "none"
        tuned = f", tuned on {len(one.tuned.get('recordings', ()))} recordings (packed)" if one.tuned else ""
        lines.append(f"| {name} | {settings or 'none'} | {said}{tuned} |")
    return [*lines, ""]


def _scores(told: Description) -> list[str]:
    lines = ["## Scores on held-out data", ""]
    lines += [f"* {score_text(one)}" for one in told.scores] or ["None were computed."]
    lines += [f"* {name} {value:.3f}, on what selected the epoch" for name, value in told.validation.items()]
    return [*lines, ""]


def _licences(told: Description) -> list[str]:
    lines = ["## Licences that it inherits", ""]
    lines += [f"* {one.of}: {one.licence}" for one in told.licences] or ["* none are known"]
    if told.non_commercial:
        lines += ["", "**Non-commercial use only**, as one of these says."]
    return lines
