"""exp(x) for x <= 0 and logarithms, in loops of several at a time.

Those of the C library are calls, one number at a time, and most of what a pass of the
softmax took. The polynomials are best approximations up to less than rounding: the
results are off by at most 2 units in the last place.
"""

import math

from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

from .._jit import inlined

_LOG2_E = 1.4426950408889634
# log 2 as a number whose products with exponents are exact, and the rest.
_LOG_2, _LOG_2_REST = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_UPPER_HALF_OF_ROOT = 0x3FE6A09E  # of the bits of the root of 1/2
_LEAST = -708.0  # below it the exponential counts as 0


@intrinsic
def _reduced(context, x):
    """r and 2^k with exp(x) = 2^k exp(r) for x <= 0, and r as near to 0 as can be.

    Calls that multiply and add, as the rest of the sums here may be reordered.
    """
    pair = types.UniTuple(types.float64, 2)

    def emit(target, builder, signature, arguments):
        real, exponent, bits = ir.DoubleType(), ir.IntType(32), ir.IntType(64)
        [x], declare = arguments, builder.module.declare_intrinsic
        nearest = declare("llvm.rint", [real])
        form = ir.FunctionType(real, [real, real, real])
        times_plus = declare("llvm.fmuladd", [real], form)

        def number(value):
            return ir.Constant(real, value)

        # False for what is not a number, which goes through the polynomial.
        large = builder.fcmp_ordered(">", x, number(_LEAST))
        small = builder.fcmp_ordered("<=", x, number(_LEAST))
        x = builder.select(small, number(_LEAST), x)
        k = builder.call(nearest, [builder.fmul(x, number(_LOG2_E))])
        k = builder.select(large, k, number(0.0))
        r = builder.call(times_plus, [k, number(-_LOG_2), x])
        r = builder.call(times_plus, [k, number(-_LOG_2_REST), r])
        power = builder.sext(builder.fptosi(k, exponent), bits)
        power = builder.add(power, ir.Constant(bits, 1023))
        power = builder.bitcast(builder.shl(power, ir.Constant(bits, 52)), real)
        power = builder.select(small, number(0.0), power)
        return target.make_tuple(builder, signature.return_type, [r, power])

    return pair(types.float64), emit


@intrinsic
def _split(context, x):
    """f and k with x = 2^k f for x > 0, and f between the roots of 1/2 and 2."""
    pair = types.UniTuple(types.float64, 2)

    def emit(target, builder, signature, arguments):
        real, half, bits = ir.DoubleType(), ir.IntType(32), ir.IntType(64)
        whole = builder.bitcast(arguments[0], bits)
        # The upper half has the exponent; there is an instruction to shift four of it.
        upper = builder.trunc(builder.lshr(whole, ir.Constant(bits, 32)), half)
        k = builder.sub(upper, ir.Constant(half, _UPPER_HALF_OF_ROOT))
        k = builder.ashr(k, ir.Constant(half, 20))
        shift = builder.shl(builder.sext(k, bits), ir.Constant(bits, 52))
        f = builder.bitcast(builder.sub(whole, shift), real)
        parts = [f, builder.sitofp(k, real)]
        return target.make_tuple(builder, signature.return_type, parts)

    return pair(types.float64), emit


if config.DISABLE_JIT:

    def _split(x):
        f, k = math.frexp(x)
        return (f, float(k)) if f >= math.sqrt(0.5) else (2.0 * f, k - 1.0)

    def _reduced(x):
        if not x > _LEAST:
            return (x, 1.0) if math.isnan(x) else (0.0, 0.0)
        k = round(x * _LOG2_E)
        return x - k * _LOG_2 - k * _LOG_2_REST, 2.0**k


@inlined
def exp_of_negative(x):
    """exp(x) for x <= 0."""
    r, power = _reduced(x)
    rest = 2.0914898727175524e-09
    rest = rest * r + 2.5105513541847086e-08
    rest = rest * r + 2.755727313289604e-07
    rest = rest * r + 2.7557254685728803e-06
    rest = rest * r + 2.480158732595111e-05
    rest = rest * r + 0.0001984126987538548
    rest = rest * r + 0.0013888888888883633
    rest = rest * r + 0.008333333333325973
    rest = rest * r + 0.04166666666666667
    rest = rest * r + 0.1666666666666667
    rest = rest * r + 0.5
    return power * (1.0 + (r + rest * r * r))


@inlined
def log_of(x):
    """log(x) for x > 0, by the inverse hyperbolic tangent of z."""
    f, k = _split(x)
    z = (f - 1.0) / (f + 1.0)
    u = z * z
    rest = 0.07309671749510799
    rest = rest * u + 0.07665743615752403
    rest = rest * u + 0.09091448091821898
    rest = rest * u + 0.11111105518906873
    rest = rest * u + 0.14285714313285114
    rest = rest * u + 0.19999999999949095
    rest = rest * u + 0.3333333333333335
    return k * _LOG_2 + (k * _LOG_2_REST + 2.0 * (z + z * u * rest))


@inlined
def log_of_one_plus(x):
    """log(1 + x) for -1/2 <= x <= 1, in the same way."""
    z = x / (2.0 + x)
    u = z * z
    rest = 0.08082063007934805
    rest = rest * u + 0.04400350286846056
    rest = rest * u + 0.06000540115596356
    rest = rest * u + 0.06657071714707415
    rest = rest * u + 0.07692785056271113
    rest = rest * u + 0.09090894717218663
    rest = rest * u + 0.11111111358730796
    rest = rest * u + 0.14285714283554213
    rest = rest * u + 0.20000000000007292
    rest = rest * u + 0.3333333333333333
    return 2.0 * (z + z * u * rest)
