"""Ids are text of any writing; a path or a shell word never holds one that is not escaped."""

import shlex
import subprocess
from pathlib import PurePath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from affectssm.errors import DataError
from affectssm.store.ids import LONGEST_ESCAPED, check_id, file_name, id_of, is_id

ALLOWED = [
    "001", "expert", "s01_v01", "a..b", "-3g5yACwYnA", "vid$_$1", "-rf", "$(x)", "a;b", "ü", "a b", "a'b", ".hidden",
    "%2e", "~", "*", "a\\b", "CON:", "视频", "x" * 128, "ü" * 33,
]  # fmt: skip
REFUSED = [
    "", ".", "..", "..x", "../x", "a/b", "/", "a\nb", "a\x00b", "a\tb", " a", "a ", "x" * 129, "ü" * 34, "\udc80",
    "a\u202eb", "\u2028", "\u200b",
]  # fmt: skip
ids = st.text(st.characters(), min_size=1, max_size=130).filter(is_id)


@pytest.mark.parametrize("name", ALLOWED)
def test_what_a_corpus_may_call_a_recording(name: str) -> None:
    assert check_id(name, "recording") == name


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    assert not is_id(name)
    for check in (check_id, file_name):
        with pytest.raises(DataError, match="the name") as caught:
            check(name, "recording")
        assert str(caught.value).isascii() and "\x00" not in str(caught.value)


def test_a_plain_id_is_its_own_file_name() -> None:
    for name in ("001", "s01_v01", "a..b", "subjectPos2", "a-b.c_d"):
        assert file_name(name, "recording") == name
    assert file_name("-3g5yACwYnA", "recording") == "%2D3g5yACwYnA"
    assert file_name("vid$_$1", "recording") == "vid%24_%241"
    assert file_name(".ü", "recording") == "%2E%C3%BC"


@given(ids)
@example("%2Da")
@example("a%")
def test_a_file_name_is_one_safe_part_of_a_path_and_leads_back(name: str) -> None:
    found = file_name(name, "recording")
    assert id_of(found) == name
    assert len(found) <= LONGEST_ESCAPED and found.isascii()
    assert PurePath("folder", found).parts == ("folder", found) and PurePath(found).name == found
    assert not found.startswith((".", "-"))
    assert shlex.quote(found).strip("'") == found and "'" not in found


@given(st.text(max_size=140))
def test_anything_is_an_id_or_refused_and_nothing_else(name: str) -> None:
    if is_id(name):
        assert "/" not in name and "\n" not in name and name.isprintable() and 0 < len(name) <= 128
    else:
        with pytest.raises(DataError):
            file_name(name, "recording")


def test_a_shell_takes_a_file_name_as_one_word() -> None:
    names = [file_name(name, "recording") for name in ALLOWED]
    printed = subprocess.run(
        ["sh", "-c", "printf '%s\\n' " + " ".join(names)], capture_output=True, text=True, check=True
    )
    assert printed.stdout.splitlines() == names
