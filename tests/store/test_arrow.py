"""Arrow arrays through their buffers are those that Arrow makes, and pandas stays out."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from affectssm.store.arrow import column, numbers

CASES = [
    (["a", "", "ü𝄞", "b"], pa.string()),
    (np.array(["a", "b"], object), pa.string()),
    (["a", None], pa.string()),
    ([b"", b"\x00a"], pa.binary()),
    ([], pa.string()),
    ([], pa.list_(pa.string())),
    ([1, -2, 3], pa.int32()),
    (np.arange(4), pa.int32()),
    (np.arange(8)[::2], pa.int64()),
    ([1, None], pa.int64()),
    ([0.1, float("nan")], pa.float32()),
    (np.array([0.1, np.nan]), pa.float64()),
    ([1, 2.5], pa.float64()),
    ([1, 2], pa.float64()),
    ([1.5], pa.int32()),
    ([True, False] * 5, pa.bool_()),
    (np.array([], bool), pa.bool_()),
    ([["a", "b"], [], ["c"]], pa.list_(pa.string())),
    ([("a",), ()], pa.list_(pa.string())),
    ([["a"], None], pa.list_(pa.string())),
    ([[None, "a"]], pa.list_(pa.string())),
]


@pytest.mark.parametrize(("values", "kind"), CASES)
def test_arrays_are_arrows_own(values, kind):
    found, expected = column(values, kind), pa.array(values, kind)
    found.validate(full=True)
    assert found.type == kind and str(found) == str(expected)
    assert found.null_count == expected.null_count


@pytest.mark.parametrize(
    ("values", "kind"),
    [([2**40], pa.int32()), (np.array([2**40]), pa.int32()), (["a"], pa.int32())],
)
def test_what_does_not_fit_is_refused_as_arrow_does(values, kind):
    with pytest.raises((pa.ArrowInvalid, OverflowError)):
        column(values, kind)


def test_numbers_come_back():
    array = pa.array(range(10), pa.int32())
    np.testing.assert_array_equal(numbers(array.slice(3, 4)), [3, 4, 5, 6])
    np.testing.assert_array_equal(numbers(pa.chunked_array([array, array.slice(8)])), [*range(10), 8, 9])
    assert numbers(pa.chunked_array([], pa.float32())).dtype == np.float32


def test_pandas_is_not_imported():
    code = """
import sys
import pyarrow as pa
from affectssm.store.arrow import column, numbers
texts = column(["a", "b"], pa.string())
numbers(texts.dictionary_encode().indices)
numbers(column([1.0], pa.float64()))
column([["a"]], pa.list_(pa.string()))
print("pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
