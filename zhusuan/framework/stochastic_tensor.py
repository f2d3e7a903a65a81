"""A node of a Bayesian network: a distribution with one value, drawn or observed."""

from __future__ import annotations

import functools
import math
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zhusuan._tensor import Shape, Var, as_var, broadcast_shapes, scalar, shape_of, sum_dims
from zhusuan.distributions.base import Distribution
from zhusuan.framework import display

if TYPE_CHECKING:
    from zhusuan.framework.bn import BayesianNet


class StochasticTensor:
    r"""A stochastic node.

    Its value is the observation when there is one, otherwise one draw, made when the node is
    made and kept: reading :attr:`tensor` twice gives the same Var. An observed node draws
    nothing.

    Its log-probability is the distribution's, then the mean over ``reduce_mean_dims``, then the
    sum over ``reduce_sum_dims``, then times ``multiplier``. Both lists count the dims of the
    distribution's log-probability (negative ones from the end); reduced dims vanish.

    With ``n_data`` the last dim of the distribution's log-probability (what ``group_ndims`` sums
    is gone by then) counts the data of a minibatch. It is averaged and multiplied by the number
    N of all data,

    .. math:: \log p(x_1, \dots, x_N \mid w) \approx \frac{N}{B} \sum_{i=1}^{B} \log p(x_i \mid w),

    which is unbiased over minibatches that are drawn uniformly (Welling and Teh 2011, eq. 4). Shape
    ``[particles, batch]`` becomes ``[particles]``, and ``[batch]`` becomes [1]: one value for each
    draw of the latents that the data share.

    :param bn: the network that the node belongs to.
    :param name: name of the node.
    :param dist: its distribution.
    :param observation: the observed value, or None.
    :param n_samples: number of draws on a new leading axis; None for one draw without it.
    :param reduce_mean_dims: dims of the log-probability to average over, such as the batch.
    :param reduce_sum_dims: dims of the log-probability to sum over, such as the pixels.
    :param multiplier: factor of the log-probability, such as the size of the data set where the
        batch was averaged.
    :param n_data: how many data there are in all, where the last dim of the log-probability
        counts those of a minibatch.
    :raises TypeError: for an option of the wrong kind.
    :raises ValueError: if the observation does not fit the distribution's shape, dims are out of
        range or given twice, or ``n_data`` is smaller than the minibatch.
    :ivar maker: the :class:`~zhusuan.framework.bayesian.Bayesian` that made the node, if one did.
    """

    def __init__(
        self,
        bn: BayesianNet,
        name: str,
        dist: Distribution,
        observation: Any = None,
        n_samples: int | None = None,
        reduce_mean_dims: Sequence[int] | None = None,
        reduce_sum_dims: Sequence[int] | None = None,
        multiplier: float | None = None,
        n_data: int | None = None,
    ) -> None:
        # Weakly, since the net holds its nodes: what a run of function style leaves behind is to
        # be freed at once, not when the garbage collector finds the cycle.
        self._bn = weakref.ref(bn)
        self.name = name
        self.dist = dist
        self._is_observed = observation is not None
        self._mean_dims = _check_dims(name, "reduce_mean_dims", reduce_mean_dims)
        self._sum_dims = _check_dims(name, "reduce_sum_dims", reduce_sum_dims)
        self._multiplier = _check_multiplier(name, multiplier)
        self._n_data = _check_n_data(name, n_data)
        self.maker: Any = None
        if observation is None:
            self._tensor = dist.sample(n_samples)
        else:
            self._tensor = self._check_observation(as_var(observation, what=f"node {name!r}"))

    @property
    def bn(self) -> BayesianNet | None:
        """The network that the node belongs to, as long as that is there."""
        return self._bn()

    @property
    def tensor(self) -> Var:
        """The value: the observation, or else the one draw of this run; of shape :attr:`shape`."""
        return self._tensor

    @property
    def shape(self) -> Shape:
        """Shape of the value."""
        return shape_of(self._tensor)

    def get_shape(self) -> Shape:
        """Return the shape of the value.

        :return: a tuple of ints.
        """
        return self.shape

    @property
    def dtype(self) -> str:
        """Dtype of the value."""
        return str(self._tensor.dtype)

    def is_observed(self) -> bool:
        """Return whether the value was observed.

        :return: True if it was, False if it was drawn.
        """
        return self._is_observed

    def log_prob(self, given: Any = None) -> Var:
        """Return the reduced log-probability of the node's value, or of ``given``.

        It is not kept: Jittor computes whatever is held, and a training step needs the gradient
        of the log-probability, but seldom its value.

        :param given: another value, which must broadcast with the distribution's shape.
        :return: Var, in nats; of the shape of the distribution's log-probability, less the dims
            that are averaged or summed.
        :raises ValueError: if dims to reduce are out of range or given twice, ``n_data`` is smaller
            than the minibatch, or ``given`` does not fit.
        """
        return self._reduce(self.dist.log_prob(self._tensor if given is None else given))

    def scale(self) -> float:
        """Return the factor of each datum's log-probability: ``multiplier`` times ``n_data`` / B.

        The mean over ``reduce_mean_dims`` is no part of it.

        :return: a positive number; 1.0 if neither was given.
        :raises ValueError: as :meth:`log_prob`.
        """
        factor = self._multiplier or 1.0
        if self._n_data is None:
            return factor
        return factor * self._n_data / self._batch_size(self.dist.log_prob(self._tensor))

    def __repr__(self) -> str:
        state = "observed" if self._is_observed else "drawn"
        return f"StochasticTensor({self.name!r}, {self.dist!r}, {state}, shape={list(self.shape)})"

    def _repr_html_(self) -> str:
        return display.node_html(self)

    def _reduce(self, log_prob: Var) -> Var:
        n = len(log_prob.shape)
        mean_dims = self._positive_dims("reduce_mean_dims", self._mean_dims, log_prob)
        sum_over = self._positive_dims("reduce_sum_dims", self._sum_dims, log_prob)
        twice = sorted(set(mean_dims) & set(sum_over))
        if twice:
            raise ValueError(
                f"node {self.name!r}: dims {twice} of its log-probability (shape "
                f"{list(log_prob.shape)}) are in both reduce_mean_dims and reduce_sum_dims"
            )
        factor = self._multiplier or 1.0
        factor /= math.prod(int(log_prob.shape[d]) for d in mean_dims)
        data_dims: list[int] = []
        if self._n_data is not None:
            self._check_data_dim(log_prob, mean_dims, sum_over)
            factor *= self._n_data / self._batch_size(log_prob)
            data_dims = [n - 1]
        # The means and the sum are one reduction and one factor: fewer kernels per step.
        reduced = sum_dims(log_prob, sorted(mean_dims + sum_over + data_dims)) if n else log_prob
        if self._multiplier is None and not mean_dims and not data_dims:
            return reduced
        # As a materialised Var: the value of a plain number would be compiled into the kernel
        # when it is 1 or 2.
        return reduced * _factor(factor, str(reduced.dtype))

    def _check_data_dim(self, log_prob: Var, mean_dims: list[int], sum_over: list[int]) -> None:
        last = len(log_prob.shape) - 1
        for option, dims in (("reduce_mean_dims", mean_dims), ("reduce_sum_dims", sum_over)):
            if last in dims:
                raise ValueError(
                    f"node {self.name!r}: {option} has the last dim of its log-probability (shape "
                    f"{list(log_prob.shape)}), over which n_data={self._n_data} averages already; "
                    "give one of the two"
                )

    def _batch_size(self, log_prob: Var) -> int:
        size = int(log_prob.shape[-1])
        if self._n_data is not None and self._n_data < size:
            raise ValueError(
                f"node {self.name!r}: n_data={self._n_data} is smaller than the minibatch, which "
                f"has {size} data (the last dim of its log-probability of shape "
                f"{list(log_prob.shape)}); n_data is the size of the whole data set"
            )
        return size

    def _positive_dims(self, option: str, dims: tuple[int, ...], log_prob: Var) -> list[int]:
        n = len(log_prob.shape)
        for dim in dims:
            if not -n <= dim < n:
                raise ValueError(
                    f"node {self.name!r}: {option}={list(dims)} is out of range for its "
                    f"log-probability of shape {list(log_prob.shape)} ({self.dist!r})"
                )
        return sorted({dim % n for dim in dims})

    def _check_observation(self, value: Var) -> Var:
        shape = shape_of(value)
        expected = self.dist.sample_shape()
        n_value = len(self.dist.value_shape)
        wrong_value = n_value > 0 and shape[len(shape) - n_value :] != self.dist.value_shape
        if wrong_value or broadcast_shapes(shape, expected) is None:
            raise ValueError(
                f"node {self.name!r}: the observation has shape {list(shape)}, but "
                f"{type(self.dist).__name__} has shape {list(expected)} (batch "
                f"{list(self.dist.batch_shape)}, value {list(self.dist.value_shape)})"
            )
        return value


@functools.lru_cache(maxsize=256)
def _factor(value: float, dtype: str) -> Var:
    """Return a constant, made once: computing it in the middle of a step costs 70 us."""
    return scalar(value, dtype).stop_grad()


def _check_dims(name: str, option: str, dims: Any) -> tuple[int, ...]:
    if dims is None:
        return ()
    if isinstance(dims, (int, np.integer)) and not isinstance(dims, bool):
        dims = (dims,)
    if not isinstance(dims, Sequence) or not all(isinstance(d, (int, np.integer)) for d in dims):
        raise TypeError(f"node {name!r}: {option} must be a list of ints, got {dims!r}")
    return tuple(int(d) for d in dims)


def _check_multiplier(name: str, multiplier: Any) -> float | None:
    if multiplier is None:
        return None
    if isinstance(multiplier, bool) or not isinstance(multiplier, (int, float, np.number)):
        raise TypeError(f"node {name!r}: multiplier must be a number, got {multiplier!r}")
    if not (math.isfinite(multiplier) and multiplier > 0):
        raise ValueError(f"node {name!r}: multiplier must be positive, got {multiplier}")
    return float(multiplier)


def _check_n_data(name: str, n_data: Any) -> int | None:
    if n_data is None:
        return None
    if isinstance(n_data, bool) or not isinstance(n_data, (int, np.integer)):
        raise TypeError(f"node {name!r}: n_data must be an int, got {n_data!r}")
    if n_data < 1:
        raise ValueError(f"node {name!r}: n_data must be positive, got {n_data}")
    return int(n_data)
