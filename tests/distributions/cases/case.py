"""What one row of the table says about a family."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jittor as jt
import numpy as np

from zhusuan import distributions as zd


@dataclass
class Case:
    """One family in one parameterisation.

    The reference is an independent truth in float64: a frozen SciPy distribution, or any object
    with the same method names. It must have ``logpdf`` (``logpmf`` if ``discrete``) and may have
    ``cdf``, ``ppf``, ``mean``, ``var``, ``entropy``: whatever it has is compared. A family over
    vectors or matrices gives an object whose ``logpdf`` takes values of shape
    ``(...) + batch_shape + value_shape``.

    :param name: id of the case.
    :param family: the class.
    :param parameters: name -> numpy array; differentiated. The batch shape must be (2, 3), which
        all families share so that they share kernels; at least one case of a family should give
        its parameters in shapes that have to be broadcast.
    :param reference: parameters (float64) -> the reference object.
    :param points: values in the support at which log-densities are compared, of shape
        (2, 3) + value_shape.
    :param discrete: whether the reference has ``logpmf``.
    :param fixed: further arguments of the constructor, not differentiated (counts, dimensions).
    :param extremes: further (parameters, points) for log_prob alone: tails, shapes of 1e-4 and
        1e4, logits of +-100. The same shapes as above.
    :param outside: values outside the support, whose log-density is -inf: each is one value of
        shape value_shape.
    :param rtol: relative tolerance of log_prob; above 3e-5 only with a reason.
    :param atol: absolute tolerance of log_prob, for values near 0.
    :param rtol64: relative tolerance of log_prob in float64; above 1e-9 only with a reason.
    :param skip: checks of ``check_distribution`` that don't apply, with the reason in a comment.
    """

    name: str
    family: type[zd.Distribution]
    parameters: dict[str, Any]
    reference: Callable[[dict[str, Any]], Any]
    points: np.ndarray
    discrete: bool = False
    fixed: dict[str, Any] = field(default_factory=dict)
    extremes: Sequence[tuple[dict[str, Any], Any]] = ()
    outside: Sequence[Any] = ()
    rtol: float = 3e-5
    atol: float = 1e-6
    rtol64: float = 1e-9
    skip: Sequence[str] = ()

    def build(self, parameters: dict[str, Any] | None = None, **options: Any) -> zd.Distribution:
        return self.family(**(parameters or self.parameters), **self.fixed, **options)

    def build_from(self, **arguments: Any) -> zd.Distribution:
        """Build from any of the constructor's arguments, as ``check_distribution`` asks for."""
        if type(self).build is Case.build:
            return self.family(**{**self.fixed, **arguments})
        # What is made of other distributions gets its own parameters; those of its parts stay,
        # in the same precision.
        given = {k: v for k, v in arguments.items() if k in self.parameters}
        options = {k: v for k, v in arguments.items() if k not in given and k not in self.fixed}
        parameters = dict(self.parameters)
        if any(isinstance(v, jt.Var) and str(v.dtype) == "float64" for v in given.values()):
            parameters = self.as_vars("float64")
        return self.build({**parameters, **given}, **options)

    def as_vars(self, dtype: str = "float32") -> dict[str, Any]:
        return {
            name: jt.array(np.array(value, dtype=dtype), dtype=dtype)
            for name, value in self.parameters.items()
        }

    def truth(self, parameters: dict[str, Any] | None = None) -> Any:
        if parameters is None:  # what the library is given is rounded to float32
            parameters = {k: np.float32(v) for k, v in self.parameters.items()}
        return self.reference({k: np.asarray(v, dtype=float) for k, v in parameters.items()})

    def log_truth(self, x: Any, parameters: dict[str, Any] | None = None) -> np.ndarray:
        frozen = self.truth(parameters)
        return (frozen.logpmf if self.discrete else frozen.logpdf)(x)
