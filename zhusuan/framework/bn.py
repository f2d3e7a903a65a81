"""Bayesian networks: directed graphical models that are written as programs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import jittor as jt
from jittor import nn

from zhusuan._tensor import Var, broadcast_shapes, shape_of
from zhusuan.distributions.base import Distribution
from zhusuan.distributions.families import family
from zhusuan.distributions.validation import checks_named, validated_together
from zhusuan.framework.observations import Observations
from zhusuan.framework.run import Run
from zhusuan.framework.stochastic_tensor import StochasticTensor

__all__ = ["BayesianNet", "StochasticTensor"]

_judged_together: ContextVar[bool] = ContextVar("judged_together", default=False)


@contextlib.contextmanager
def judged_together() -> Iterator[None]:
    """Leave it to the caller to report observations that nobody read.

    An objective runs several nets on the same observations; a name is wrong only if none of
    them reads it.
    """
    token = _judged_together.set(True)
    try:
        yield
    finally:
        _judged_together.reset(token)


class BayesianNet(nn.Module):
    r"""A Bayesian network that is also a ``jt.Module``.

    Subclass it, make layers in ``__init__``, and describe the generative process in
    ``execute``::

        class Generator(zs.BayesianNet):
            def __init__(self):
                self.fc = nn.Linear(40, 784)

            def execute(self, observed):
                self.observe(observed)
                z = self.sn("Normal", name="z", mean=jt.zeros([64, 40]), std=1.0, group_ndims=1)
                self.sn("Bernoulli", name="x", logits=self.fc(z), group_ndims=1)
                return self

    Calling the net, ``net({"x": x})``, is one *run*: nodes, ``cache`` and observations start
    afresh, each node is drawn once or takes its observed value. What a run leaves behind never
    shows in ``parameters()``, ``state_dict()`` or a saved file.

    :param observed: observations of a network that is built from outside, node by node.
    """

    _run: Run

    def __new__(cls, *args: Any, **kwargs: Any) -> BayesianNet:
        """Make a net that is ready to run."""
        # Here and not in __init__, so that a subclass may leave super().__init__() out, as
        # Jittor's own modules may.
        net = super().__new__(cls)
        object.__setattr__(net, "_run", Run(None))
        return net

    def __init__(self, observed: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        if observed is not None:
            self._run = Run(observed)

    # -- a run

    def __call__(self, observed: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
        """Run the network.

        :param observed: name -> value of the observed nodes and of whatever else ``execute``
            reads from ``self.observed``.
        :param kwargs: passed on to ``execute``.
        :return: what ``execute`` returns: by convention the net itself.
        :raises ValueError: if a name in ``observed`` is read by no node and no code.
        """
        observed = {} if observed is None else observed
        with validated_together():
            self._run = Run(observed, is_active=True)
            try:
                result = self.execute(observed, **kwargs)
            finally:
                self._run.is_active = False
        if not _judged_together.get():
            raise_unread(self.unread, [self])
        return result

    def observe(self, observed: Mapping[str, Any] | None = None) -> BayesianNet:
        """Start a run with these observations; the first line of ``execute``.

        :param observed: name -> number, array or Var.
        :return: the net itself.
        """
        run = self._run
        # __call__ has begun the run already when execute passes its argument on.
        if not (run.is_active and observed is run.source and not run.nodes):
            self._run = Run(observed, is_active=run.is_active)
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, jt.Var) and self._run.is_active and not name.startswith("_"):
            raise AttributeError(
                f"{type(self).__name__}.execute assigns a Var to self.{name}, which would make "
                f"it a trained parameter; use self.cache[{name!r}] for values of a run"
            )
        super().__setattr__(name, value)

    @property
    def observed(self) -> Observations:
        """The observations of the last run; reading a name counts as using it."""
        return self._run.observed

    @property
    def nodes(self) -> dict[str, StochasticTensor]:
        """The stochastic nodes of the last run by name, in the order they were made."""
        return self._run.nodes

    @property
    def cache(self) -> dict[str, Any]:
        """Values of the last run that the model wants to keep, such as ``cache['x_mean']``."""
        return self._run.cache

    @property
    def unread(self) -> set[str]:
        """Observed names that neither a node nor any code has read in the last run."""
        return self._run.observed.unread

    # -- nodes

    def stochastic_node(
        self,
        distribution: str | type[Distribution] | Distribution,
        name: str,
        n_samples: int | None = None,
        reduce_mean_dims: Sequence[int] | None = None,
        reduce_sum_dims: Sequence[int] | None = None,
        multiplier: float | None = None,
        **parameters: Any,
    ) -> Var:
        """Add a stochastic node and return its value.

        :param distribution: name of a family, a family, or a distribution.
        :param name: name of the node, unique in the run.
        :param n_samples: see :class:`~zhusuan.framework.stochastic_tensor.StochasticTensor`,
            as for the next three.
        :param reduce_mean_dims: dims of the log-probability to average over.
        :param reduce_sum_dims: dims of the log-probability to sum over.
        :param multiplier: factor of the log-probability.
        :param parameters: parameters and options of the family, such as ``mean``, ``std``,
            ``group_ndims``, ``reparameterize``.
        :return: the value: the observation, or else one draw, of shape
            ``([n_samples] +) batch_shape + value_shape``.
        :raises TypeError: for an unknown parameter.
        :raises ValueError: for a name that is taken, an unknown family, a bad parameter or an
            observation that does not fit; the message names the node.
        """
        if not isinstance(name, str) or not name:
            raise TypeError(f"a node's name must be a non-empty string, got {name!r}")
        run = self._run
        if name in run.nodes:
            raise ValueError(
                f"node {name!r} exists already ({run.nodes[name].dist!r}); "
                "each name can be used once in a run"
            )
        dist = _make_distribution(name, distribution, parameters)
        node = StochasticTensor(
            self,
            name,
            dist,
            observation=run.observed[name] if name in run.observed else None,
            n_samples=n_samples,
            reduce_mean_dims=reduce_mean_dims,
            reduce_sum_dims=reduce_sum_dims,
            multiplier=multiplier,
        )
        run.nodes[name] = node
        run.log_joint = None
        return node.tensor

    sn = stochastic_node

    # -- the joint density

    def log_joint(self, use_cache: bool = False) -> Var:
        """Return the sum of the nodes' log-probabilities.

        :param use_cache: return what an earlier call in this run computed, and keep it for later
            calls.
        :return: Var; the shape is the common one of the nodes' log-probabilities.
        :raises ValueError: if there is no node, or their shapes do not align.
        """
        run = self._run
        if not run.nodes:
            raise ValueError(
                f"{type(self).__name__} has no stochastic node: run it first, net(observed)"
            )
        if use_cache and run.log_joint is not None:
            return run.log_joint
        terms = {name: node.log_prob() for name, node in run.nodes.items()}
        check_aligned(run.nodes, {name: shape_of(term) for name, term in terms.items()})
        total = None
        for term in terms.values():
            total = term if total is None else total + term
        if use_cache:
            run.log_joint = total
        return total

    def extra_repr(self) -> str:
        """Return nothing: Jittor's default shows local names of ``__init__`` as if arguments."""
        return ""


def raise_unread(names: set[str], nets: Sequence[BayesianNet]) -> None:
    """Raise an error for observed names that none of ``nets`` has read; none, no error.

    :param names: the unread names.
    :param nets: the nets that were run, for the message.
    :raises ValueError: if there are any.
    """
    if names:
        known = "; ".join(
            f"{type(net).__name__} has nodes {sorted(net.nodes)}" for net in nets
        )
        raise ValueError(
            f"observed {', '.join(map(repr, sorted(names)))}, which no node and no code "
            f"of the model reads: {known}"
        )


def check_aligned(nodes: Mapping[str, StochasticTensor], shapes: Mapping[str, tuple]) -> None:
    """Check that log-probabilities can be added without one of them meaning something else.

    :param nodes: the nodes by name.
    :param shapes: shapes of their log-probabilities by name.
    :raises ValueError: if they do not broadcast, naming two nodes that clash.
    """
    widest = max(shapes, key=lambda name: (len(shapes[name]), shapes[name]))
    for name, shape in shapes.items():
        # [2, 1] and [3] broadcast to [2, 3] as well, but such a sum counts each term many times.
        if broadcast_shapes(shape, shapes[widest]) != shapes[widest]:
            raise ValueError(
                f"log-probabilities do not align: node {name!r} has shape {list(shape)} "
                f"({nodes[name].dist!r}), node {widest!r} has shape {list(shapes[widest])} "
                f"({nodes[widest].dist!r}); use group_ndims, reduce_sum_dims or "
                "reduce_mean_dims to bring each to one value per datum"
            )


def _make_distribution(
    node: str, distribution: Any, parameters: dict[str, Any]
) -> Distribution:
    if isinstance(distribution, Distribution):
        if parameters:
            raise TypeError(
                f"node {node!r}: {type(distribution).__name__} is given ready-made and takes "
                f"no more parameters, got {sorted(parameters)}"
            )
        return distribution
    is_family = isinstance(distribution, type) and issubclass(distribution, Distribution)
    if not isinstance(distribution, str) and not is_family:
        raise TypeError(
            f"node {node!r}: the distribution must be a name, a Distribution class or an "
            f"instance of one, got {distribution!r}"
        )
    try:
        cls = family(distribution) if isinstance(distribution, str) else distribution
        with checks_named(f"node {node!r}: "):
            return cls(**parameters)
    except (TypeError, ValueError) as error:
        raise type(error)(f"node {node!r}: {error}") from error
