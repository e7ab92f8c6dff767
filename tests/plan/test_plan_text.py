"""Short hashes, shell words and patterns of names."""

import re
import shlex

from hypothesis import given
from hypothesis import strategies as st

from affectssm.plan.text import one_of, shell_words, short_hash


@given(st.lists(st.text()))
def test_words_come_back_from_a_shell_as_they_were(words):
    assert shlex.split(shell_words(*words)) == words


@given(st.lists(st.text(min_size=1), min_size=1, unique=True), st.text())
def test_a_pattern_matches_its_names_and_no_other(names, other):
    pattern = re.compile(one_of(names))
    assert all(pattern.fullmatch(name) for name in names)
    assert bool(pattern.fullmatch(other)) == (other in names)


def test_a_pattern_of_no_names_matches_nothing():
    assert not re.search(one_of([]), "") and not re.search(one_of([]), "x")


def test_a_hash_is_16_digits_and_tells_order_and_parts_apart():
    found = {short_hash(parts) for parts in (["a", "b"], ["b", "a"], ["ab"], [])}
    assert len(found) == 4 and all(re.fullmatch("[0-9a-f]{16}", one) for one in found)
