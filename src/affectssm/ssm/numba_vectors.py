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
FLOAT, INT = ir.FloatType(), ir.IntType(32)
VECTOR, INTS = ir.VectorType(FLOAT, LANES), ir.VectorType(INT, LANES)
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
        super().__init__(manager, kind, VECTOR)


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
    return ir.Constant(VECTOR, [ir.Constant(FLOAT, _single(value))] * LANES)


def _single(value: float) -> float:
    """The float32 number nearest to ``value``: LLVM takes float constants that are exact alone."""
    import struct

    return struct.unpack("f", struct.pack("f", value))[0]


def in_all_lanes(builder: Any, number: Any) -> Any:
    """Code for a vector of 16 times a number."""
    one = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), number, ir.Constant(INT, 0))
    first = ir.Constant(INTS, [ir.Constant(INT, 0)] * LANES)
    return builder.shuffle_vector(one, ir.Constant(VECTOR, ir.Undefined), first)


def _call(builder: Any, name: str, *args: Any) -> Any:
    """An LLVM intrinsic on vectors."""
    kind = ir.FunctionType(VECTOR, [VECTOR] * len(args))
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
    exponent = builder.shl(builder.fptosi(whole, INTS), ir.Constant(INTS, [ir.Constant(INT, 23)] * LANES))
    return builder.bitcast(builder.add(builder.bitcast(value, INTS), exponent), VECTOR)


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
        return in_all_lanes(builder, context.cast(builder, args[0], sig.args[0], types.float32))

    return lanes(number), codegen


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
                ir.Constant(ir.VectorType(INT, width), [ir.Constant(INT, first + i) for i in range(width)])
                for first in (0, width)
            ]
            value = builder.fadd(*(builder.shuffle_vector(value, value, pick) for pick in picks))
        return builder.extract_element(value, ir.Constant(INT, 0))

    return types.float32(lanes), codegen
