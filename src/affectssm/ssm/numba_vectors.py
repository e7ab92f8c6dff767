"""Vectors of 16 float32 numbers for numba kernels.

LLVM does not vectorise a loop over time with states, and numba's arrays may overlap for all that LLVM knows. So the
kernels say what they mean: a value of type ``lanes`` is one LLVM vector, which becomes one AVX-512 register, two of
AVX2 or four of NEON. Arithmetic may be contracted to fused multiply-adds but is never reordered.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

LANES = 16
_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_VECTOR, _INTS = ir.VectorType(_FLOAT, LANES), ir.VectorType(_INT, LANES)
_CONTRACT = ("contract",)
# 2^f = 1 + f q(f) on [-1/2, 1/2]; least maximal relative error with 2^0 = 1 kept exact: 9e-8
_EXP2 = (
    0.6931469775965888,
    0.24022242081841716,
    0.05550733745645629,
    0.009671512862272018,
    0.0013264727080383024,
)
_LOG2_E = 1.4426950408889634
_LARGEST = 127.0  # 2^127 is the largest power of two of float32, 2^-126 the smallest that is not denormal
_SMALLEST = -126.0


class Lanes(types.Type):
    """The type of 16 float32 numbers."""

    def __init__(self) -> None:
        super().__init__(name="lanes")


lanes = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _operator(function: Callable, instruction: str) -> None:
    """Let numba write ``a * b`` of vectors as one LLVM instruction."""

    @infer_global(function)
    class _Cases(ConcreteTemplate):
        cases = (signature(lanes, lanes, lanes),)

    @lower_builtin(function, lanes, lanes)
    def _lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*args, flags=_CONTRACT)


for _function, _instruction in (
    (operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"), (operator.truediv, "fdiv"),
):  # fmt: skip
    _operator(_function, _instruction)


def _constant(value: float) -> ir.Constant:
    return ir.Constant(_VECTOR, [ir.Constant(_FLOAT, _single(value))] * LANES)


def _single(value: float) -> float:
    """The float32 number nearest to ``value``: LLVM takes float constants that are exact alone."""
    import struct

    return struct.unpack("f", struct.pack("f", value))[0]


def _splat(builder: Any, number: Any) -> Any:
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.Constant(_INT, 0))
    first = ir.Constant(_INTS, [ir.Constant(_INT, 0)] * LANES)
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), first)


def _call(builder: Any, name: str, *args: Any) -> Any:
    """An LLVM intrinsic on vectors."""
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(args))
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f32")
    return builder.call(function, args)


def _fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    return _call(builder, "fma", a, b, c)


def _exp2(builder: Any, x: Any) -> Any:
    x = _call(builder, "maxnum", _call(builder, "minnum", x, _constant(_LARGEST)), _constant(_SMALLEST))
    whole = _call(builder, "rint", x)
    f = builder.fsub(x, whole)
    value = _constant(_EXP2[-1])
    for coefficient in (*_EXP2[-2::-1], 1.0):
        value = _fma(builder, value, f, _constant(coefficient))
    exponent = builder.shl(builder.fptosi(whole, _INTS), ir.Constant(_INTS, [ir.Constant(_INT, 23)] * LANES))
    return builder.bitcast(builder.add(builder.bitcast(value, _INTS), exponent), _VECTOR)


def _log1p_of_unit(builder: Any, v: Any) -> Any:
    """log(1 + v) for v in [0, 1]: 2 atanh(s) with s = v / (2 + v), at most 1/3; the series ends below 1e-8."""
    s = builder.fdiv(v, builder.fadd(v, _constant(2.0)))
    square = builder.fmul(s, s)
    value = _constant(1 / 15)
    for odd in (13, 11, 9, 7, 5, 3, 1):
        value = _fma(builder, value, square, _constant(1 / odd))
    return builder.fmul(builder.fmul(s, _constant(2.0)), value)


def _exp(builder: Any, x: Any) -> Any:
    return _exp2(builder, builder.fmul(x, _constant(_LOG2_E)))


def _softplus(builder: Any, x: Any) -> Any:
    """max(x, 0) + log(1 + exp(-|x|))."""
    tail = _exp(builder, builder.fneg(_call(builder, "fabs", x)))
    return builder.fadd(_call(builder, "maxnum", x, _constant(0.0)), _log1p_of_unit(builder, tail))


def _sigmoid(builder: Any, x: Any) -> Any:
    return builder.fdiv(_constant(1.0), builder.fadd(_constant(1.0), _exp(builder, builder.fneg(x))))


def _function_of_one(name: str, emit: Callable[[Any, Any], Any], summary: str) -> Any:
    def function(typing: Any, x: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return emit(builder, args[0])

        return lanes(lanes), codegen

    function.__name__, function.__doc__ = name, summary
    return intrinsic(function)


exp2 = _function_of_one("exp2", _exp2, "2**x, for x clipped to [-126, 127]; relative error below 2e-7.")
softplus = _function_of_one("softplus", _softplus, "log(1 + exp(x)).")
sigmoid = _function_of_one("sigmoid", _sigmoid, "1 / (1 + exp(-x)).")


@intrinsic
def splat(typing: Any, number: Any) -> Any:
    """One number in all lanes."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _splat(builder, context.cast(builder, args[0], sig.args[0], types.float32))

    return lanes(number), codegen


@intrinsic
def spread(typing: Any, array: Any, i: Any) -> Any:
    """The number at position i of a one-dimensional float32 array, in all lanes."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _element(context, builder, sig.args[0], args[0], args[1:])
        return _splat(builder, builder.load(builder.bitcast(pointer, _FLOAT.as_pointer()), align=4))

    return lanes(array, types.intp), codegen


@intrinsic
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c, rounded once."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _fma(builder, *args)

    return lanes(lanes, lanes, lanes), codegen


@intrinsic
def total(typing: Any, x: Any) -> Any:
    """The sum over the lanes, pairwise."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value, width = args[0], LANES
        while width > 1:
            width //= 2
            picks = [
                ir.Constant(ir.VectorType(_INT, width), [ir.Constant(_INT, first + i) for i in range(width)])
                for first in (0, width)
            ]
            value = builder.fadd(*(builder.shuffle_vector(value, value, pick) for pick in picks))
        return builder.extract_element(value, ir.Constant(_INT, 0))

    return types.float32(lanes), codegen


def _element(context: Any, builder: Any, kind: Any, array: Any, indices: Any) -> Any:
    """Pointer to 16 neighbouring numbers that start at an element of an array with any strides."""
    view = context.make_array(kind)(context, builder, array)
    address = builder.ptrtoint(view.data, ir.IntType(64))
    strides = cgutils.unpack_tuple(builder, view.strides)
    if kind.layout == "C":  # known now, so that no multiplication is left for the loop
        strides[-1] = context.get_constant(types.intp, kind.dtype.bitwidth // 8)
    for index, stride in zip(indices, strides, strict=True):
        address = builder.add(address, builder.mul(index, stride))
    return builder.inttoptr(address, _VECTOR.as_pointer())


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
        written.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(_INT, 1)]))
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
                mask = ir.Constant(_INTS, [ir.Constant(_INT, i) for i in source])
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
        return builder.load(builder.bitcast(pointer, _FLOAT.as_pointer()), align=4)

    return types.float32(array, types.intp, types.intp), codegen


@intrinsic
def put(typing: Any, array: Any, i: Any, number: Any) -> Any:
    """Write a float32 number at position i, which never counts from the end."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _element(context, builder, sig.args[0], args[0], args[1:-1])
        builder.store(args[-1], builder.bitcast(pointer, _FLOAT.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.none(array, types.intp, types.float32), codegen


def _fetch(writes: bool) -> Callable:
    """Code that asks for a line of memory; there is no harm in asking for one outside of the array."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, _INT, _INT, _INT])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        pointer = builder.bitcast(_element(context, builder, sig.args[0], args[0], args[1:]), byte)
        nearest, data = ir.Constant(_INT, 3), ir.Constant(_INT, 1)
        builder.call(function, [pointer, ir.Constant(_INT, int(writes)), nearest, data])
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
