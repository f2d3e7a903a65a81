"""The ExpConcrete distribution: the logarithm of a Concrete variable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zhusuan import random, special
from zhusuan._tensor import Shape, Var, constant, shape_of, sum_dims
from zhusuan.distributions import constraints
from zhusuan.distributions._vectors import batch_beside_numbers, beside_vectors, double
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

# -inf, the log of a weight of 0, stands for its limit as a number so large that nothing else
# counts beside it.
_score = Formula(
    "y, logits, temperature", "return logits - temperature * (y > -1e30 ? y : T(-1e30));"
)
_log_density = Formula(
    "scores, log_sum, temperature, n",
    "return lgamma(n) + (n - 1.0) * log(temperature) + scores - n * log_sum;",
    constants="n",
)
_log_prob = Formula(
    "density, log_total",
    f"""
    bool outside = !(fabs(value(log_total)) <= {constraints.simplex.tolerance});
    return outside || value(density) < -1e20 ? T(-INF) : density;
    """,
    constants="log_total",
)


class ExpConcrete(Distribution):
    r"""Logarithm of a Concrete variable (Gumbel-softmax in log space), with K >= 2 weights.

    .. math::

        \log p(y) = \log\Gamma(K) + (K - 1) \log\tau + \sum_k (l_k - \tau y_k)
                    - K \log \sum_k e^{l_k - \tau y_k}

    (Maddison, Mnih and Teh 2017, eq. 26 with :math:`l_k = \log\alpha_k`), a density on the
    :math:`y` with :math:`\sum_k e^{y_k} = 1`. Samples are the log-softmax of
    :math:`(l_k + g_k) / \tau` with standard Gumbel :math:`g_k`; they carry gradients to both
    parameters. Prefer it to :class:`~zhusuan.distributions.concrete.Concrete` wherever a
    log-density is needed at low temperatures: the logs of weights that underflow are numbers
    like all others.

    :param temperature: :math:`\tau`, positive; a number, or a Var that broadcasts with the batch
        (of shape [1] it counts as a number).
    :param logits: unnormalised log-weights :math:`l`, finite, shape (..., K).
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain or K below 2.
    """

    temperature = Parameter(constraints.positive)
    logits = Parameter(constraints.real, value_ndims=1)
    support = constraints.log_simplex
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, temperature: Any, logits: Any, **options: Unpack[Options]) -> None:
        super().__init__({"temperature": temperature, "logits": logits}, **options)

    def _shapes(self) -> tuple[Shape, Shape]:
        _, value_shape = super()._shapes()
        return batch_beside_numbers(self), value_shape

    def _value_shape(self) -> Shape:
        return concrete_value_shape(self._name, self.logits)

    def _sample(self, n_samples: int | None) -> Var:
        shape = self.sample_shape(n_samples)
        return exp_concrete_sample(self.temperature, self.logits, shape).cast(self._param_dtype)

    def _log_prob(self, given: Var) -> Var:
        y = double(given)
        density = concrete_log_density(y, self.temperature, self.logits)
        return _log_prob(density, special.log_sum_exp(y.detach())).cast(self._param_dtype)


ExpGumbelSoftmax = ExpConcrete


def concrete_value_shape(family: str, logits: Var) -> Shape:
    """Return the shape of one value.

    :raises ValueError: unless there are two weights or more.
    """
    shape = shape_of(logits)
    if shape[-1] < 2:
        raise ValueError(
            f"{family}: logits must have at least 2 weights in its last dim, "
            f"got shape {list(shape)}"
        )
    return shape[-1:]


def exp_concrete_sample(temperature: Var, logits: Var, shape: Shape) -> Var:
    """Return draws of the given shape, float64."""
    # The difference from the largest is taken first: at a temperature of 0.01 scores are of
    # order 1000, and the log-weight of the likeliest is the small difference of two of them.
    noise = random.standard_gumbel(shape, "float64")
    scores = (double(logits) + noise) / beside_vectors(double(temperature))
    scores = scores - scores.detach().max([len(shape) - 1], keepdims=True)
    return scores - special.log_sum_exp(scores, keepdims=True)


def concrete_log_density(y: Var, temperature: Var, logits: Var) -> Var:
    """Return the log-density of the log ``y`` of a Concrete variable; not checked, float64.

    :param y: shape (..., K), float64; -inf counts as -1e30.
    """
    temperature, logits = double(temperature), double(logits)
    scores = _score(y, logits, beside_vectors(temperature))
    n = constant(float(shape_of(logits)[-1]), logits)
    total = sum_dims(scores, [len(scores.shape) - 1])
    return _log_density(total, special.log_sum_exp(scores), temperature, n)
