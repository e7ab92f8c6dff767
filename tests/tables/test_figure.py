"""What a figure says of its marks."""

import pytest

from affectssm.tables.figure import CCC, Words, measured_label, new_figure, panels

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


def test_what_diverged_is_named_beside_an_axis_of_the_others():
    figure = new_figure(4, 3)
    rows = [row(0.4), row(0.8), row(2.2e10)]
    panels(figure, rows, ["one", "two", "three"], {"mae": "MAE"}, Words(apart=True))
    (axis,) = figure.axes
    assert axis.get_xlim()[1] < 2
    assert [text.get_text() for text in axis.texts] == ["0.40", "0.80", "off the axis: 2.2e+10"]


def row(mae: float) -> dict[str, str]:
    return {**ROW, "data": "real", "method": "one", "mae": str(mae)}
