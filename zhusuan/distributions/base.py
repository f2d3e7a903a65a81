"""The base class of all distributions: it owns shapes, dtypes, grouping, gradients, validation."""

from __future__ import annotations

import copy
import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict

import jittor as jt
import numpy as np

from zhusuan._tensor import (
    FLOAT_DTYPES,
    Shape,
    Var,
    as_var,
    broadcast_shapes,
    scalar,
    shape_of,
    sum_dims,
)
from zhusuan.distributions.constraints import Constraint
from zhusuan.distributions.display import Displayed
from zhusuan.distributions.parameter import Parameter
from zhusuan.distributions.validation import check_values


class Options(TypedDict, total=False):
    """The keyword arguments that every family takes beside its own parameters."""

    dtype: str | None
    group_ndims: int
    is_reparameterized: bool | None
    reparameterize: bool | None
    use_path_derivative: bool


class Distribution(Displayed, ABC):
    r"""A probability distribution over arrays.

    **Shapes.** The parameters broadcast to ``batch_shape + value_shape``. ``sample()`` has that
    shape, ``sample(n)`` has ``[n] + batch_shape + value_shape`` for every n >= 1. ``log_prob``
    broadcasts its argument against it and returns one value for each member of the batch; the
    last ``group_ndims`` dims of the batch are then summed, for a group of independent variables
    that is one event. A scalar has shape ``[1]``, since Jittor has no 0-d Var.

    **Gradients.** Samples of a reparameterised distribution carry gradients to its parameters;
    otherwise they carry none, while ``log_prob`` always does.

    **Parameters** are attributes: ``normal.std`` is the Var that was given or, if ``logstd`` was,
    the one derived from it.

    **Writing a family.** Declare each parameter as a
    :class:`~zhusuan.distributions.parameter.Parameter`, declare ``support``,
    ``is_continuous`` and ``is_reparameterizable``, and write ``_sample(n_samples)`` and
    ``_log_prob(given)``; see :class:`~zhusuan.distributions.normal.Normal`.

    :param parameters: name -> number, array or Var; a parameter that is None was not given and
        is derived from the others.
    :param dtype: dtype of samples. By default that of the parameters, which is float32 unless a
        float64 Var is among them.
    :param group_ndims: how many trailing dims of the batch ``log_prob`` sums over.
    :param is_reparameterized: whether samples carry gradients to the parameters. By default
        True for families that can be reparameterised.
    :param reparameterize: the tutorials' name for ``is_reparameterized``.
    :param use_path_derivative: block the gradient that reaches the parameters through
        ``log_prob`` and not through the sample ("sticking the landing", Roeder et al. 2017,
        eq. 5): lower variance when q is close to the posterior.
    :raises TypeError: for a parameter that is not numeric or an option of the wrong kind.
    :raises ValueError: for a value outside its constraint (see
        :class:`~zhusuan.distributions.validation.validation`) and shapes that do not broadcast.
    :ivar batch_shape: the parameters' common shape, value dims left out; a tuple of ints.
    :ivar value_shape: shape of one value, ``()`` for univariate families.
    """

    parameters: ClassVar[dict[str, Parameter]] = {}
    support: Constraint
    is_continuous: ClassVar[bool]
    is_reparameterizable: ClassVar[bool]

    _given: dict[str, Var]
    _derived: dict[str, Var]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {n: p for n, p in vars(cls).items() if isinstance(p, Parameter)}
        cls.parameters = {**cls.parameters, **own}
        cls.__signature__ = _full_signature(cls)  # type: ignore[attr-defined]

    def __new__(cls, *args: Any, **kwargs: Any) -> Distribution:
        """Refuse unknown parameters by name."""
        # Before __init__, which would take a misspelt parameter for one that is missing.
        known = cls.__signature__.parameters  # type: ignore[attr-defined]
        unknown = [name for name in kwargs if name not in known]
        if unknown:
            raise TypeError(
                f"{cls.__name__} has no parameter {unknown[0]!r}; it takes {', '.join(known)}"
            )
        return super().__new__(cls)

    def __init__(
        self,
        parameters: Mapping[str, Any],
        *,
        dtype: str | None = None,
        group_ndims: int = 0,
        is_reparameterized: bool | None = None,
        reparameterize: bool | None = None,
        use_path_derivative: bool = False,
    ) -> None:
        given = {name: value for name, value in parameters.items() if value is not None}
        self._param_dtype = _common_dtype(given)
        self._given = {name: self._convert(name, value) for name, value in given.items()}
        self._derived = {}
        self.batch_shape, self.value_shape = self._shapes()
        self.dtype = _check_dtype(self._name, dtype or self._param_dtype)
        self.group_ndims = self._check_group_ndims(group_ndims)
        self.is_reparameterized = self._check_reparameterized(is_reparameterized, reparameterize)
        self.use_path_derivative = use_path_derivative
        for name, value in self._given.items():
            parameter = self.parameters[name]
            check_values(f"{self._name}: {parameter.argument}", value, parameter.constraint)

    # -- what a family writes

    @abstractmethod
    def _sample(self, n_samples: int | None) -> Var:
        """Return draws of shape ``self.sample_shape(n_samples)``, differentiable if possible."""

    @abstractmethod
    def _log_prob(self, given: Var) -> Var:
        """Return the log density or mass of ``given``, elementwise over the batch."""

    # -- what users call

    def sample(self, n_samples: int | None = None) -> Var:
        """Draw samples.

        :param n_samples: None for one draw without a sample axis, or an int >= 1.
        :return: Var of shape ``([n_samples] +) batch_shape + value_shape``.
        :raises TypeError: if ``n_samples`` is not an int.
        :raises ValueError: if it is below 1.
        """
        drawn = self._sample(self._check_n_samples(n_samples))
        if str(drawn.dtype) != self.dtype:
            drawn = drawn.cast(self.dtype)
        # The draw is detached, never the parameters: stop_grad() would freeze the user's own Var.
        return drawn if self.is_reparameterized else drawn.detach()

    def log_prob(self, given: Any) -> Var:
        """Return the log density (or mass) of ``given``.

        :param given: number, array or Var that broadcasts to
            ``(... +) batch_shape + value_shape``.
        :return: Var, in nats, of shape ``(... +) batch_shape``, less its last ``group_ndims`` dims;
            shape [1] when no dim is left.
        :raises ValueError: if the shapes do not broadcast.
        :raises TypeError: if ``given`` is not numeric.
        """
        given = as_var(given, self._param_dtype, f"{self._name}.log_prob: given")
        self.check_given_shape(shape_of(given))
        distribution = self._without_gradients() if self.use_path_derivative else self
        log_prob = distribution._log_prob(given)
        n = len(log_prob.shape)
        return sum_dims(log_prob, range(n - self.group_ndims, n))

    def prob(self, given: Any) -> Var:
        """Return the density (or mass) of ``given``, the exponential of :meth:`log_prob`.

        :param given: as for :meth:`log_prob`.
        :return: Var of the shape of :meth:`log_prob`.
        """
        return jt.exp(self.log_prob(given))

    @property
    def mean(self) -> Var:
        """Mean of each member of the batch; broadcasts to ``batch_shape + value_shape``.

        NaN where the distribution has none, infinite where the integral diverges.

        :raises NotImplementedError: if the family has no closed form.
        """
        raise self._not_implemented("the mean")

    @property
    def variance(self) -> Var:
        """Variance of each member of the batch, shape ``batch_shape + value_shape``.

        :raises NotImplementedError: if the family has no closed form.
        """
        raise self._not_implemented("the variance")

    @property
    def stddev(self) -> Var:
        """Standard deviation, shape ``batch_shape + value_shape``.

        :raises NotImplementedError: if the family has no closed form.
        """
        return jt.sqrt(self.variance)

    @property
    def mode(self) -> Var:
        """A value of highest density or mass; broadcasts to ``batch_shape + value_shape``.

        :raises NotImplementedError: if the family has no closed form.
        """
        raise self._not_implemented("the mode")

    def entropy(self) -> Var:
        """Return the entropy in nats, summed over ``group_ndims`` like :meth:`log_prob`.

        :return: Var of shape ``batch_shape``, less its last ``group_ndims`` dims.
        :raises NotImplementedError: if the family has no closed form.
        """
        entropy = self._entropy().broadcast(list(self.batch_shape) or [1])
        n = len(self.batch_shape)
        return sum_dims(entropy, range(n - self.group_ndims, n))

    def cdf(self, given: Any) -> Var:
        """Return the probability of a value <= ``given``; univariate families only.

        Differentiable in ``given`` and in the parameters. Not grouped: one value per variable.

        :param given: number, array or Var that broadcasts to ``(... +) batch_shape``.
        :return: Var of the broadcast shape.
        :raises NotImplementedError: if the family has none.
        :raises ValueError: if the shapes do not broadcast.
        :raises TypeError: if ``given`` is not numeric.
        """
        given = as_var(given, self._param_dtype, f"{self._name}.cdf: given")
        self.check_given_shape(shape_of(given))
        return self._cdf(given)

    def icdf(self, probability: Any) -> Var:
        """Return the quantile: the smallest value whose :meth:`cdf` is >= ``probability``.

        :param probability: number, array or Var in [0, 1] that broadcasts to
            ``(... +) batch_shape``; NaN comes out for others.
        :return: Var of the broadcast shape.
        :raises NotImplementedError: if the family has none.
        :raises ValueError: if the shapes do not broadcast.
        :raises TypeError: if ``probability`` is not numeric.
        """
        probability = as_var(probability, self._param_dtype, f"{self._name}.icdf: probability")
        self.check_given_shape(shape_of(probability))
        return self._icdf(probability)

    def _entropy(self) -> Var:
        raise self._not_implemented("the entropy")

    def _cdf(self, given: Var) -> Var:
        raise self._not_implemented("the cdf")

    def _icdf(self, probability: Var) -> Var:
        raise self._not_implemented("the icdf")

    def _full(self, moment: Var) -> Var:
        """Return a moment or mode in the shape ``batch_shape + value_shape``."""
        return moment.broadcast(list(self.batch_shape + self.value_shape) or [1])

    # -- shapes

    def sample_shape(self, n_samples: int | None = None) -> Shape:
        """Return the shape that ``sample(n_samples)`` has; [1] for a scalar.

        :param n_samples: as for :meth:`sample`.
        :return: a tuple of ints.
        """
        lead = () if n_samples is None else (n_samples,)
        return (lead + self.batch_shape + self.value_shape) or (1,)

    def check_given_shape(self, shape: Shape) -> Shape:
        """Return the broadcast of ``shape`` with ``batch_shape + value_shape``.

        :param shape: shape of a value.
        :return: a tuple of ints.
        :raises ValueError: if they do not broadcast, with both shapes.
        """
        expected = self.batch_shape + self.value_shape
        common = broadcast_shapes(shape, expected)
        # A value is one whole: its own dims must be there in full, only batch dims broadcast.
        n = len(self.value_shape)
        if common is None or (n and shape[-n:] != self.value_shape):
            raise ValueError(
                f"{self._name}: a value of shape {list(shape)} does not fit "
                f"batch_shape + value_shape = {list(self.batch_shape)} + {list(self.value_shape)}"
            )
        return common

    def _shapes(self) -> tuple[Shape, Shape]:
        full = {name: shape_of(value) for name, value in self._given.items()}
        cuts = {name: len(s) - self.parameters[name].value_ndims for name, s in full.items()}
        batch = broadcast_shapes(*(s[: cuts[name]] for name, s in full.items()))
        if batch is None:
            shapes = ", ".join(
                f"{self.parameters[name].argument} {list(s)}" for name, s in full.items()
            )
            raise ValueError(f"{self._name}: parameters do not broadcast: {shapes}")
        return batch, self._value_shape()

    def _value_shape(self) -> Shape:
        """Return the shape of one value; a family over vectors or matrices overrides it."""
        return ()

    # -- checks and conversions

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _convert(self, name: str, value: Any) -> Var:
        parameter = self.parameters[name]
        what = f"{self._name}: {parameter.argument}"
        if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
            # No gradient leads to a number: formulas then leave its derivatives out.
            var = scalar(float(value), self._param_dtype).stop_grad()
        else:
            var = as_var(value, self._param_dtype, what)
        if len(var.shape) < parameter.value_ndims or (
            parameter.value_ndims and isinstance(value, (int, float, np.number))
        ):
            raise ValueError(
                f"{what} must have at least {parameter.value_ndims} dims, "
                f"got shape {list(np.shape(value))}"
            )
        return var

    def _check_group_ndims(self, group_ndims: int) -> int:
        if isinstance(group_ndims, bool) or not isinstance(group_ndims, (int, np.integer)):
            raise TypeError(f"{self._name}: group_ndims must be an int, got {group_ndims!r}")
        if not 0 <= group_ndims <= len(self.batch_shape):
            raise ValueError(
                f"{self._name}: group_ndims must be between 0 and the {len(self.batch_shape)} "
                f"dims of batch_shape {list(self.batch_shape)}, got {group_ndims}"
            )
        return int(group_ndims)

    def _check_reparameterized(
        self, is_reparameterized: bool | None, reparameterize: bool | None
    ) -> bool:
        if None not in (is_reparameterized, reparameterize) and (
            is_reparameterized != reparameterize
        ):
            raise ValueError(
                f"{self._name}: is_reparameterized={is_reparameterized} and "
                f"reparameterize={reparameterize} contradict each other; they are one option"
            )
        asked = is_reparameterized if reparameterize is None else reparameterize
        if asked and not self.is_reparameterizable:
            raise ValueError(f"{self._name} can't be reparameterised; leave reparameterize out")
        return self.is_reparameterizable if asked is None else bool(asked)

    def _check_n_samples(self, n_samples: int | None) -> int | None:
        if n_samples is None:
            return None
        if isinstance(n_samples, bool) or not isinstance(n_samples, (int, np.integer)):
            raise TypeError(f"{self._name}: n_samples must be None or an int, got {n_samples!r}")
        if n_samples < 1:
            raise ValueError(f"{self._name}: n_samples must be at least 1, got {n_samples}")
        return int(n_samples)

    def _without_gradients(self) -> Distribution:
        twin = copy.copy(self)
        twin._given = {name: value.detach() for name, value in self._given.items()}
        twin._derived = {}
        return twin

    def _not_implemented(self, what: str) -> NotImplementedError:
        return NotImplementedError(f"{self._name} has no closed form for {what}")

    def __repr__(self) -> str:
        return (
            f"{self._name}(batch_shape={list(self.batch_shape)}, "
            f"value_shape={list(self.value_shape)}, dtype={self.dtype}, "
            f"group_ndims={self.group_ndims}, is_reparameterized={self.is_reparameterized})"
        )


def exactly_one(family: str, **parameters: Any) -> None:
    """Check that exactly one of two ways to write a family was used.

    :param family: name of the family, for the message.
    :param parameters: the alternatives, of any shape, None where not given.
    :raises ValueError: if none or several were given.
    """
    given = [name for name, value in parameters.items() if value is not None]
    if len(given) != 1:
        names = " and ".join(parameters)
        got = " and ".join(given) or "neither"
        raise ValueError(f"{family}: exactly one of {names} must be given, got {got}")


def _common_dtype(given: Mapping[str, Any]) -> str:
    is_double = any(isinstance(v, jt.Var) and str(v.dtype) == "float64" for v in given.values())
    return "float64" if is_double else "float32"


def _check_dtype(name: str, dtype: Any) -> str:
    text = np.dtype(dtype).name if not isinstance(dtype, str) else dtype
    if text not in (*FLOAT_DTYPES, "int32", "int64"):
        raise ValueError(f"{name}: dtype must be float32, float64, int32 or int64, got {dtype!r}")
    return text


def _full_signature(cls: type) -> inspect.Signature:
    """Spell out the common options, so that ``help`` and completion show them."""
    options = [
        p for p in inspect.signature(Distribution.__init__).parameters.values()
        if p.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    own = [
        p for n, p in inspect.signature(cls.__init__).parameters.items()  # type: ignore[misc]
        if n != "self" and p.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    known = {p.name for p in own}
    return inspect.Signature(own + [p for p in options if p.name not in known])
