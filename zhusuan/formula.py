r"""Elementwise formulas in C++, evaluated in double precision, with derivatives of every order.

A log-density such as that of :math:`\mathrm{Gamma}(10^4, 1)` is a difference of terms of size
:math:`10^5`: computed by float32 operations it has no right digit. Written as a formula, it is
one kernel that reads and writes the dtype of its Vars but computes in double, branch by branch
(no double ``where``), and whose derivatives come from dual numbers (``kernels/dual.h``), so that
gradients, and gradients of gradients, are as accurate as the value.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Any

import jittor as jt

from zhusuan import kernels
from zhusuan._tensor import Shape, Var, broadcast_shapes, settled, shape_of, sum_dims

Index = tuple[int, ...]


class Formula:
    r"""A function of one or several Vars that acts element by element.

    ::

        xlog1py = Formula("x, y", "return x == 0.0 ? T(0.0) : x * log1p(y);")
        z = xlog1py(x, y)

    The body is C++ in which every input is a number of type ``T``: a double or a dual number.
    It may use the functions of ``zhusuan/kernels`` (``exp``, ``lgamma``, ``igamma``, ``ndtri``,
    ...), branch on comparisons, take ``value(x)`` for the plain double, and return the constants
    ``INF`` and ``NOT_A_NUMBER``; a constant it returns has zero gradients. A NaN among the
    inputs gives NaN without the body being asked.

    :param inputs: names of the inputs, in the order of the call, separated by commas.
    :param body: statements that return the value.
    :param constants: names of inputs that are never differentiated, such as counts; the
        gradient to them is zero.
    :param helpers: C++ definitions that stand before the function.
    """

    def __init__(
        self, inputs: str, body: str, constants: str = "", helpers: str = ""
    ) -> None:
        self.inputs = _names(inputs)
        self._constant = [name in _names(constants) for name in self.inputs]
        arguments = ", ".join(f"const T& {name}" for name in self.inputs)
        # In a namespace of its own for each kernel: all formulas have the same name, and kernels
        # are loaded into one process.
        self._function = (
            f"namespace zs {{\nnamespace {{\n{helpers}\n"
            f"template <typename T> ZS_FN T formula({arguments}) {{\n{body}\n}}\n}}\n}}\n"
        )
        self._sources: dict[tuple[int, tuple[bool, ...]], tuple[str, str]] = {}

    def __call__(self, *inputs: Var) -> Var:
        """Return the formula's value for inputs that broadcast; float64 if one of them is.

        :param inputs: Vars, one for each name; their shapes broadcast.
        :return: Var of the broadcast shape.
        :raises ValueError: if their shapes do not broadcast.
        """
        shapes = [shape_of(var) for var in inputs]
        shape = broadcast_shapes(*shapes)
        if shape is None:
            named = ", ".join(
                f"{n} {list(s)}" for n, s in zip(self.inputs, shapes)
            )
            raise ValueError(f"shapes do not broadcast: {named}")
        dtype = "float64" if any(str(v.dtype) == "float64" for v in inputs) else "float32"
        size = _size(shape)
        flat = [_flatten(var, shape, size, dtype) for var in inputs]
        needed = tuple(
            not (constant or var.is_stop_grad())
            for constant, var in zip(self._constant, inputs)
        )
        (result,) = self._derivatives(flat, size, dtype, needed, 0)
        return result if len(shape) == 1 else result.reshape(list(shape))

    def _derivatives(
        self, flat: Sequence[Var], size: int, dtype: str, needed: tuple[bool, ...], order: int
    ) -> list[Var]:
        """Return all derivatives of one order, themselves differentiable."""
        if jt.flags.no_grad or not any(needed):
            return self._compute(flat, size, dtype, needed, order)
        function = _Differentiable(self, flat, size, dtype, needed, order)
        active = [settled(var) for var, n in zip(flat, needed) if n]
        result = function(*active)
        return result if isinstance(result, list) else [result]

    def _compute(
        self, flat: Sequence[Var], size: int, dtype: str, needed: tuple[bool, ...], order: int
    ) -> list[Var]:
        key = (order, needed)
        if key not in self._sources:
            self._sources[key] = self._source(order, needed)
        header, source = self._sources[key]
        n_outputs = len(_indices(sum(needed), order))
        outputs = jt.code(
            [[size]] * n_outputs, [dtype] * n_outputs, list(flat),
            cpu_src=source, cpu_header=header, cuda_src=source, cuda_header=header,
        )
        return list(outputs)

    def _source(self, order: int, needed: tuple[bool, ...]) -> tuple[str, str]:
        n = len(self.inputs)
        n_needed = sum(needed)
        outputs = _indices(n_needed, order)
        type_name = "double"
        for _ in range(order):
            type_name = f"Dual<{type_name}, {n_needed}>"
        members, loads, seeds = [], [], []
        place = 0
        for i in range(n):
            members.append(f"const Real* in{i}; int64_t step{i};")
            loads.append(f"double x{i} = in{i}[k * step{i}];")
            seed = f"x{i}"
            if needed[i]:
                inner = "double"
                for _ in range(order):
                    inner = f"Dual<{inner}, {n_needed}>"
                    seed = f"{inner}({seed}, {place})"
                place += 1
            seeds.append(f"Number({seed})")
        stores = "\n".join(
            f"out{o}[k] = (Real)r{''.join(f'.d[{i}]' for i in index)};"
            for o, index in enumerate(outputs)
        )
        holes = "\n".join(f"out{o}[k] = (Real)NOT_A_NUMBER;" for o in range(len(outputs)))
        members.extend(f"Real* out{o};" for o in range(len(outputs)))
        any_nan = " || ".join(f"is_nan(x{i})" for i in range(n))
        header = (
            kernels.include("elementwise.h") + kernels.include("special.h") + self._function
            + "namespace zs {\nnamespace {\ntemplate <typename Real> struct Body {\n"
            + "\n".join(members)
            + "\nZS_FN void operator()(int64_t k) const {\n"
            + f"typedef {type_name} Number;\n" + "\n".join(loads)
            + f"\nif ({any_nan}) {{\n{holes}\nreturn;\n}}\n"
            + f"Number r = formula<Number>({', '.join(seeds)});\n{stores}\n}}\n}};\n}}\n}}\n"
        )
        fields = [f"in{i}_p, in{i}_shape0 == 1 ? 0 : 1" for i in range(n)]
        fields += [f"out{o}_p" for o in range(len(outputs))]
        source = (
            f"zs::Body<out0_type> body{{{', '.join(fields)}}};\n"
            "zs::for_each(out0_shape0, body);\n"
        )
        return header, source


class _Differentiable(jt.Function):
    """One order of derivatives of a formula, whose gradient is made of the next order."""

    def __init__(
        self, formula: Formula, flat: Sequence[Var], size: int, dtype: str,
        needed: tuple[bool, ...], order: int,
    ) -> None:
        super().__init__()
        # The Vars themselves and not what execute is given, which is cut off from the graph:
        # higher derivatives would be zero without a word. In lists, so that the Module which
        # a Function is does not take them for parameters.
        self._formula, self._flat = formula, list(flat)
        self._size, self._dtype, self._needed, self._order = size, dtype, needed, order

    def execute(self, *active: Var) -> Any:
        given = iter(active)
        flat = [
            next(given) if needed else var
            for var, needed in zip(self._flat, self._needed)
        ]
        outputs = self._formula._compute(
            flat, self._size, self._dtype, self._needed, self._order
        )
        return outputs if len(outputs) > 1 else outputs[0]

    def grad(self, *upstream: Var | None) -> list[Var | None]:
        n = sum(self._needed)
        higher = self._formula._derivatives(
            self._flat, self._size, self._dtype, self._needed, self._order + 1
        )
        derivative = dict(zip(_indices(n, self._order + 1), higher))
        active = [var for var, needed in zip(self._flat, self._needed) if needed]
        gradients: list[Var | None] = []
        for j, var in enumerate(active):
            total = None
            for index, above in zip(_indices(n, self._order), upstream):
                if above is None:
                    continue
                term = above * derivative[tuple(sorted((*index, j)))]
                total = term if total is None else total + term
            if total is not None and var.shape[0] == 1 and self._size != 1:
                total = sum_dims(total, [0])
            gradients.append(total)
        return gradients


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _indices(n: int, order: int) -> list[Index]:
    """Return the partial derivatives of one order; the order of differentiation is immaterial."""
    return list(combinations_with_replacement(range(n), order))


def _size(shape: Shape) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def _flatten(var: Var, shape: Shape, size: int, dtype: str) -> Var:
    """Return ``var`` with one dim, of the full size or of size 1: one kernel serves all shapes."""
    if str(var.dtype) != dtype:
        var = var.cast(dtype)
    own = shape_of(var)
    if own == shape:
        return var if len(own) == 1 else var.reshape([size])
    if _size(own) == 1:
        return var if len(own) == 1 else var.reshape([1])
    return var.broadcast(list(shape)).reshape([size])
