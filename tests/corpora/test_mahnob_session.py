"""MAHNOB-HCI's session.xml, and XML that is meant to do harm."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from affectssm.corpora.mahnob_session import read_session_xml
from affectssm.media.probe import MediaError, UnsafeFileError

SESSION = """<?xml version="1.0" encoding="utf-8"?>
<session sessionId="10" date="2009.07.09" isStim="1" experimentType="1. Emotion elicitation" cutNr="9"
    cutLenSec="80.5" vidRate="60.9708" feltEmo="4" feltArsl="7" feltVlnc="{valence}" feltCtrl="5" mediaFile="69.avi">
  <subject id="1"/>
  <track type="Physiological" filename="Part_1_S_Trial5_emotion.bdf"><annotation/></track>
  <track type="Video" filename="P1-Rec1-2009_C1 trigger _C_Section_10.avi"/>
</session>"""


def written(folder: Path, text: str) -> Path:
    path = folder / "session.xml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_session(tmp_path: Path) -> None:
    found = read_session_xml(written(tmp_path, SESSION.format(valence=3)))
    assert (found.session, found.subject, found.is_stimulus) == ("10", "1", True)
    assert found.felt == {"valence": 3, "arousal": 7, "dominance": 5}


@pytest.mark.parametrize("text", ["", "0", "10", "nan", "four"])
def test_a_rating_that_is_none_is_left_out_and_named(tmp_path: Path, text: str) -> None:
    found = read_session_xml(written(tmp_path, SESSION.format(valence=text)))
    assert "valence" not in found.felt
    assert found.unusable == {"valence": text}
    assert found.felt["arousal"] == 7


BOMB = '<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "{}">{}]><session><subject id="1"/>&{};</session>'


@pytest.mark.parametrize(
    "text",
    [
        BOMB.format(
            "x" * 10, "".join(f'<!ENTITY {c} "{f"&{p};" * 10}">' for p, c in pairwise("abcdefghi")), "i"
        ),
        '<!DOCTYPE s [<!ENTITY a SYSTEM "file:///etc/hostname">]><session><subject id="1"/>&a;</session>',
        '<!DOCTYPE s SYSTEM "http://localhost:1/x.dtd"><session><subject id="1"/></session>',
    ],
    ids=["laughs", "external", "doctype"],
)
def test_entities_are_refused_before_they_are_expanded(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnsafeFileError, match="nothing was expanded"):
        read_session_xml(written(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    ["", "<session", "<other/>", "<session/>", '<session><subject id=""/></session>', "\0", "x" * (1 << 21)],
)
def test_what_is_no_session_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(MediaError):
        read_session_xml(written(tmp_path, text))


def test_an_unknown_encoding_and_an_absent_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        read_session_xml(written(tmp_path, '<?xml version="1.0" encoding="klingon"?><session/>'))
    with pytest.raises(MediaError, match="No such file"):
        read_session_xml(tmp_path / "none.xml")


@pytest.mark.parametrize(
    ("encoding", "says", "problem"),
    [
        ("utf-8", "utf-8", ""),
        ("utf-8-sig", "utf-8", ""),
        ("latin-1", "latin-1", ""),
        ("utf-16", "utf-16", ""),
        ("utf-16", "utf-8", "wide_text"),
        ("utf-16-le", "utf-8", "wide_text"),
        ("latin-1", "utf-8", "latin1_text"),
        ("utf-8", "utf-16", ""),
    ],
)
def test_a_session_in_another_encoding_than_it_says(
    tmp_path: Path, encoding: str, says: str, problem: str
) -> None:
    path = tmp_path / "session.xml"
    text = (
        SESSION.format(valence="7,5").replace('"utf-8"', f'"{says}"').replace("elicitation", "f\u00fcr Elise")
    )
    path.write_bytes(text.encode(encoding))
    if (encoding, says) == ("utf-8", "utf-16"):
        with pytest.raises(MediaError, match="no XML that reads"):
            read_session_xml(path)
        return
    found = read_session_xml(path)
    assert (found.felt["valence"], found.experiment) == (7.5, "1. Emotion f\u00fcr Elise")
    assert [code for code, _ in found.problems] == ([problem] if problem else [])


def test_entities_in_another_encoding_are_refused_as_well(tmp_path: Path) -> None:
    path = tmp_path / "session.xml"
    for says in ("utf-8", "utf-16"):
        text = BOMB.format("x", "", "a").replace('"1.0"', f'"1.0" encoding="{says}"')
        path.write_bytes(text.encode("utf-16"))
        with pytest.raises(UnsafeFileError):
            read_session_xml(path)
