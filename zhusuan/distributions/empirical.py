"""The distribution of a set of samples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random, special
from zhusuan._tensor import Shape, Var, shape_of
from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.parameter import Parameter

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Empirical(Distribution):
    r"""The distribution of given samples, each with its weight (draws of MCMC, a data set).

    .. math:: P(x) = \sum_{i:\, s_i = x} w_i

    (van der Vaart 1998, sec. 19.1, for equal weights.) A draw is one of the samples, chosen for
    the whole batch at once or, with ``value_ndims=0``, for each member of the batch.

    :param samples: shape ``[S] + batch_shape + value_shape``: the samples lie along dim 0.
    :param log_weights: log-weights of the S samples in nats, not normalised; shape [S]; equal by
        default.
    :param value_ndims: how many trailing dims of ``samples`` make up one value, 0 by default.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: if ``samples`` has no dim for the samples, or the weights do not fit.
    """

    samples = Parameter(constraints.real)
    log_weights = Parameter(constraints.log_weight)
    support = constraints.real
    is_continuous = False
    is_reparameterizable = False

    def __init__(
        self,
        samples: Any,
        log_weights: Any = None,
        value_ndims: int = 0,
        **options: Unpack[Options],
    ) -> None:
        self._value_ndims = value_ndims
        super().__init__({"samples": samples, "log_weights": log_weights}, **options)

    def _shapes(self) -> tuple[Shape, Shape]:
        whole = shape_of(self.samples)
        n = self._value_ndims
        if not 0 <= n <= len(whole) - 1:
            raise ValueError(
                f"Empirical: value_ndims must be between 0 and {len(whole) - 1}, since dim 0 of "
                f"samples {list(whole)} counts the samples; got {n}"
            )
        if "log_weights" in self._given and shape_of(self.log_weights) != whole[:1]:
            raise ValueError(
                f"Empirical: log_weights must have shape [{whole[0]}], one for each of the "
                f"samples {list(whole)}, got {list(shape_of(self.log_weights))}"
            )
        return whole[1 : len(whole) - n], whole[len(whole) - n :]

    @property
    def _log_probs(self) -> Var:
        """Normalised log-weights, shape [S]."""
        n = shape_of(self.samples)[0]
        if "log_weights" not in self._given:
            return jt.full([n], -math.log(n), self._param_dtype)
        return special.log_softmax(self.log_weights)

    def _along_samples(self, per_sample: Var) -> Var:
        return per_sample.reshape([-1] + [1] * (len(self.samples.shape) - 1))

    def _sample(self, n_samples: int | None) -> Var:
        # One row of all samples for each draw: [lead, batch] indices into dim 0.
        lead = () if n_samples is None else (n_samples,)
        chosen = random.categorical(self._log_probs, lead + self.batch_shape, "int32")
        size, batch = math.prod(self.batch_shape), math.prod(lead)
        flat = self.samples.reshape([shape_of(self.samples)[0], size, -1])
        rows = chosen.reshape([batch, size])
        members = jt.arange(size).reshape([1, size]).broadcast([batch, size])
        drawn = flat.detach()[rows, members]
        return drawn.reshape(list(self.sample_shape(n_samples)))

    def _log_prob(self, given: Var) -> Var:
        n_values = len(self.value_shape)
        lead = len(given.shape) - (len(self.samples.shape) - 1)
        samples = self.samples
        if lead > 0:
            whole = shape_of(samples)
            samples = samples.reshape([whole[0]] + [1] * lead + list(whole[1:]))
        same = given.unsqueeze(0) == samples
        dims = len(same.shape)
        if n_values:
            differs = 1.0 - same.cast("float32")
            same = differs.stop_fuse().sum(list(range(dims - n_values, dims))) == 0
        weights = self._log_probs.reshape([-1] + [1] * (len(same.shape) - 1))
        weights = weights.broadcast(list(same.shape))
        hits = jt.ternary(same, weights, jt.full_like(weights, -math.inf))
        return special.log_sum_exp(hits, 0)

    @property
    def mean(self) -> Var:
        """The weighted mean of the samples, shape ``batch_shape + value_shape``."""
        return (self._along_samples(jt.exp(self._log_probs)) * self.samples).sum(0)

    @property
    def variance(self) -> Var:
        """The weighted variance of the samples, shape ``batch_shape + value_shape``."""
        away = self.samples - self.mean.unsqueeze(0)
        return (self._along_samples(jt.exp(self._log_probs)) * away * away).sum(0)

    def _cdf(self, given: Var) -> Var:
        if self._value_ndims:
            raise self._not_implemented("the cdf of vectors")
        lead = len(given.shape) - (len(self.samples.shape) - 1)
        whole = shape_of(self.samples)
        samples = self.samples.reshape([whole[0]] + [1] * max(lead, 0) + list(whole[1:]))
        below = (samples <= given.unsqueeze(0)).cast(self._param_dtype)
        probs = jt.exp(self._log_probs).reshape([-1] + [1] * (len(below.shape) - 1))
        return (probs * below).sum(0)
