"""Memory of numba kernels: vectors of 16 float32 numbers read, written, transposed and asked for in advance.

Positions never count from the end, and nothing checks them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from affectssm.ssm.numba_vectors import FLOAT, INT, INTS, LANES, VECTOR, in_all_lanes, lanes


def _element(context: Any, builder: Any, kind: Any, array: Any, indices: Any) -> Any:
    """Pointer to 16 neighbouring numbers that start at an element of an array with any strides."""
    view = context.make_array(kind)(context, builder, array)
    address = builder.ptrtoint(view.data, ir.IntType(64))
    strides = cgutils.unpack_tuple(builder, view.strides)
    if kind.layout == "C":  # known now, so that no multiplication is left for the loop
        strides[-1] = context.get_constant(types.intp, kind.dtype.bitwidth // 8)
    for index, stride in zip(indices, strides, strict=True):
        address = builder.add(address, builder.mul(index, stride))
    return builder.inttoptr(address, VECTOR.as_pointer())


def _load(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.load(_element(context, builder, sig.args[0], args[0], args[1:]), align=4)


def _store(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    pointer = _element(context, builder, sig.args[0], args[0], args[1:-1])
    builder.store(args[-1], pointer, align=4)
    return context.get_dummy_value()


@intrinsic
def load(typing: Any, array: Any, i: Any) -> Any:
    """16 numbers of a one-dimensional float32 array, from position i on."""
    return lanes(array, types.intp), _load


@intrinsic
def store(typing: Any, array: Any, i: Any, value: Any) -> Any:
    """Write 16 numbers into a one-dimensional float32 array, from position i on."""
    return types.none(array, types.intp, lanes), _store


@intrinsic
def spread(typing: Any, array: Any, i: Any) -> Any:
    """The number at position i of a one-dimensional float32 array, in all lanes."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _element(context, builder, sig.args[0], args[0], args[1:])
        return in_all_lanes(builder, builder.load(builder.bitcast(pointer, FLOAT.as_pointer()), align=4))

    return lanes(array, types.intp), codegen


@intrinsic
def load3(typing: Any, array: Any, i: Any, j: Any, k: Any) -> Any:
    """16 numbers from [i, j, k] on, which must be neighbours along the last axis."""
    return lanes(array, types.intp, types.intp, types.intp), _load


@intrinsic
def store3(typing: Any, array: Any, i: Any, j: Any, k: Any, value: Any) -> Any:
    """Write 16 numbers from [i, j, k] on, which must be neighbours along the last axis."""
    return types.none(array, types.intp, types.intp, types.intp, lanes), _store


@intrinsic
def stream3(typing: Any, array: Any, i: Any, j: Any, k: Any, value: Any) -> Any:
    """The same past the caches, for what is not read again soon; [i, j, k] lies at a multiple of 64 bytes.

    Other threads see it after ``fence``.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _element(context, builder, sig.args[0], args[0], args[1:-1])
        written = builder.store(args[-1], pointer, align=LANES * 4)
        written.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(INT, 1)]))
        return context.get_dummy_value()

    return types.none(array, types.intp, types.intp, types.intp, lanes), codegen


def _turned(builder: Any, rows: list[Any]) -> list[Any]:
    """16 vectors as a matrix, transposed: every bit of the row's number changes places with the column's."""
    for bit in (1, 2, 4, 8):
        turned = list(rows)
        for low in (i for i in range(LANES) if not i & bit):
            pair = rows[low], rows[low | bit]
            for number, row in enumerate((low, low | bit)):
                source = [(c & ~bit | number * bit) + (LANES if c & bit else 0) for c in range(LANES)]
                mask = ir.Constant(INTS, [ir.Constant(INT, i) for i in source])
                turned[row] = builder.shuffle_vector(*pair, mask)
        rows = turned
    return rows


def _lines(
    context: Any, builder: Any, kind: Any, array: Any, indices: Any, axis: int, step: Any
) -> list[Any]:
    """Pointers to 16 numbers each: from an element on, and ``step`` times 0 to 15 further along an axis."""
    found = []
    for number in range(LANES):
        further = builder.mul(step, context.get_constant(types.intp, number))
        at = [builder.add(index, further) if i == axis else index for i, index in enumerate(indices)]
        found.append(_element(context, builder, kind, array, at))
    return found


def _turn(context: Any, builder: Any, sources: list[Any], targets: list[Any]) -> Any:
    for target, value in zip(
        targets, _turned(builder, [builder.load(p, align=4) for p in sources]), strict=True
    ):
        builder.store(value, target, align=4)
    return context.get_dummy_value()


@intrinsic
def turn_in(typing: Any, source: Any, b: Any, t: Any, channel: Any, tile: Any, i: Any, turn: Any) -> Any:
    """16 steps of 16 channels from [b, t, channel] on, where steps are neighbours, -> rows i, i + turn, ..."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        one, zero = (context.get_constant(types.intp, value) for value in (1, 0))
        lines = _lines(context, builder, sig.args[0], args[0], args[1:4], 2, one)
        rows = _lines(context, builder, sig.args[4], args[4], (zero, args[5], zero), 1, args[6])
        return _turn(context, builder, lines, rows)

    return types.none(source, types.intp, types.intp, types.intp, tile, types.intp, types.intp), codegen


@intrinsic
def turn_out(typing: Any, tile: Any, i: Any, turn: Any, target: Any, b: Any, t: Any, channel: Any) -> Any:
    """The other way round."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        one, zero = (context.get_constant(types.intp, value) for value in (1, 0))
        rows = _lines(context, builder, sig.args[0], args[0], (zero, args[1], zero), 1, args[2])
        lines = _lines(context, builder, sig.args[3], args[3], args[4:7], 2, one)
        return _turn(context, builder, rows, lines)

    return types.none(tile, types.intp, types.intp, target, types.intp, types.intp, types.intp), codegen


@intrinsic
def fence(typing: Any) -> Any:
    """What was written before it is seen before what is written after it."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.none(), codegen


@intrinsic
def pick(typing: Any, array: Any, i: Any, j: Any) -> Any:
    """The float32 number at [i, j]; unlike array[i, j] it never counts from the end, which costs time to find out."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _element(context, builder, sig.args[0], args[0], args[1:])
        return builder.load(builder.bitcast(pointer, FLOAT.as_pointer()), align=4)

    return types.float32(array, types.intp, types.intp), codegen


@intrinsic
def put(typing: Any, array: Any, i: Any, number: Any) -> Any:
    """Write a float32 number at position i, which never counts from the end."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _element(context, builder, sig.args[0], args[0], args[1:-1])
        builder.store(args[-1], builder.bitcast(pointer, FLOAT.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.none(array, types.intp, types.float32), codegen


def _fetch(writes: bool) -> Callable:
    """Code that asks for a line of memory; there is no harm in asking for one outside of the array."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, INT, INT, INT])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        pointer = builder.bitcast(_element(context, builder, sig.args[0], args[0], args[1:]), byte)
        nearest, data = ir.Constant(INT, 3), ir.Constant(INT, 1)
        builder.call(function, [pointer, ir.Constant(INT, int(writes)), nearest, data])
        return context.get_dummy_value()

    return codegen


@intrinsic
def fetch3(typing: Any, array: Any, i: Any, j: Any, k: Any) -> Any:
    """Bring the memory at [i, j, k] into the first-level cache, while the kernel goes on."""
    return types.none(array, types.intp, types.intp, types.intp), _fetch(writes=False)


@intrinsic
def fetch_to_write3(typing: Any, array: Any, i: Any, j: Any, k: Any) -> Any:
    """The same for memory that will be written."""
    return types.none(array, types.intp, types.intp, types.intp), _fetch(writes=True)
