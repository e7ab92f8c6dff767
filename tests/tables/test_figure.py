"""What a figure says of its marks."""

import pytest

from affectssm.tables.figure import CCC, measured_label

ROW = {"source": "measured", "split": "test", "noxi": "0.9000", "noxi_low": ""}


@pytest.mark.parametrize(
    ("rows", "intervals"),
    [
        ([ROW], False),
        ([ROW, ROW | {"noxi_low": "0.8000"}], True),
        ([ROW, ROW | {"split": "val", "noxi_low": "0.8000"}], False),
        ([ROW, ROW | {"source": "published", "noxi_low": "0.8000"}], False),
    ],
)
def test_a_mark_speaks_of_intervals_where_there_are_some(rows, intervals):
    assert ("95 % interval over recordings" in measured_label("test", rows, CCC)) == intervals
