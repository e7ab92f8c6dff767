"""Names of files that say what each is: ``{split}/{recording}_{participant}.*``.

A pattern is a path below the root in which ``{name}`` stands for a part of a name, ``*`` for anything within a name and
``**/`` at its beginning for any folders. Nothing else in it has a meaning.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from affectssm.corpora.folder_people import Claim, note_unmatched
from affectssm.corpora.listing import Entry, Listing
from affectssm.errors import ConfigError
from affectssm.settings.folder import FolderCorpusSettings
from affectssm.store.faults import FaultLog
from affectssm.vocabulary.corpora import CORPORA, SOUNDS
from affectssm.vocabulary.kinds import TEXT

FIELDS = ("recording", "participant", "split", "group", "language")
USUAL = "**/{recording}.*"
MOST = 8  # fields and stars of a pattern
_TOKEN = re.compile(r"\{([^{}]*)\}|(\*+)|([^{}*]+)|(.)", re.DOTALL)
_LABELS = (".csv", ".tsv", ".eaf", ".anvil", ".annotation~")


def compiled(pattern: str, key: str) -> re.Pattern[str]:
    """Return what matches the paths that a pattern means.

    Args:
        pattern: of names.
        key: the setting that it is the value of, for messages.

    Raises:
        ConfigError: for a field that is none, a pattern without ``{recording}``, or more than MOST fields and stars.
    """
    rest, text = pattern, ""
    if rest.startswith("**/"):
        rest, text = rest.removeprefix("**/"), "(?:[^/]+/)*"
    seen: set[str] = set()
    count = 0
    for name, stars, literal, odd in _TOKEN.findall(rest):
        count += not literal
        if literal:
            text += re.escape(literal)
        elif stars == "*":
            text += "[^/]*"
        elif name in FIELDS:
            text += f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+)"
            seen.add(name)
        else:
            part = stars or odd or f"{{{name}}}"
            raise ConfigError(
                key, f"{part} in {pattern!r}", "fields " + ", ".join(f"{{{one}}}" for one in FIELDS) + " and *",
                "mend the pattern",
            )  # fmt: skip
    if "recording" not in seen or count > MOST:
        raise ConfigError(
            key,
            repr(pattern),
            f"a pattern with {{recording}} and at most {MOST} fields and stars",
            "mend the pattern",
        )
    return re.compile(text)


def of_names(listing: Listing, settings: FolderCorpusSettings, log: FaultLog) -> list[Claim]:
    """Return who the names of files tell of.

    Raises:
        ConfigError: for a pattern that is none.
    """
    media = compiled(settings.pattern or USUAL, "corpora.folder.pattern")
    labels = (
        compiled(settings.label_pattern, "corpora.folder.label_pattern") if settings.label_pattern else None
    )
    held: dict[tuple[str, str], dict[str, list[tuple[Entry, re.Match[str]]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    unmatched = []
    for entry in listing.files:
        kind = _kind(entry)
        rel = entry.rel.removesuffix("~")
        match = labels.fullmatch(rel) if labels and kind not in ("video", "audio") else None
        if match:
            kind = "annotation"
        elif labels is None or kind != "annotation":
            match = media.fullmatch(rel) if kind else None
        if match:
            groups = match.groupdict()
            held[groups["recording"], groups.get("participant") or "one"][kind].append((entry, match))
        else:
            unmatched.append(entry.rel)
    if settings.pattern:
        note_unmatched(unmatched, f"called like {settings.pattern}", log)
    found = (_claims(recording, participant, files, log) for (recording, participant), files in held.items())
    return [claim for claims in found for claim in claims]


def _kind(entry: Entry) -> str:
    name = entry.parts[-1].lower()
    if name.endswith(".txt"):
        return TEXT
    if name.endswith(_LABELS):
        return "annotation"
    if name.endswith(SOUNDS):
        return "audio"
    media = tuple(end for end in CORPORA["folder"].files if end not in (*SOUNDS, ".parquet", ".annotation~"))
    return "video" if name.endswith(media) else ""


def _claims(
    recording: str, participant: str, files: dict[str, list[tuple[Entry, re.Match[str]]]], log: FaultLog
) -> Iterable[Claim]:
    """Return the claim of a participant; several where media of one name lie apart, and nobody knows which is meant."""
    media = [found for kind in ("video", "audio") for found in files.get(kind, [])]
    if not media:
        return
    folders = {entry.parts[:-1] for entry, _ in media}
    several = len(folders) > 1 and any(len(files.get(kind, [])) > 1 for kind in ("video", "audio"))
    if several:
        for entry, match in media:
            yield _claim(recording, participant, match, entry.rel)
        return
    claim = _claim(recording, participant, media[0][1], ", ".join(entry.rel for entry, _ in media))
    for kind, found in files.items():
        claim.files[kind] = found[0][0]
        if len(found) > 1:
            names = "; ".join(entry.rel for entry, _ in found)
            expected = f"one file; {found[0][0].rel} is taken"
            log.about(recording, participant).add("duplicate_stream", kind, names, expected, "decided")
    yield claim


def _claim(recording: str, participant: str, match: re.Match[str], where: str) -> Claim:
    groups = match.groupdict()
    return Claim(
        recording, participant, groups.get("split") or "", groups.get("group") or "", groups.get("language") or "",
        where=where,
    )  # fmt: skip
