"""Bayesian networks: directed graphical models that are written as programs."""

from __future__ import annotations

import contextlib
import difflib
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import jittor as jt
from jittor import nn

from zhusuan._tensor import Var, shape_of
from zhusuan.distributions.base import Distribution
from zhusuan.distributions.families import family
from zhusuan.distributions.validation import checks_named, validated_together
from zhusuan.framework import display
from zhusuan.framework.alignment import check_aligned
from zhusuan.framework.judging import raise_unread
from zhusuan.framework.observations import Observations
from zhusuan.framework.predict import Predicts
from zhusuan.framework.run import Run
from zhusuan.framework.stochastic_tensor import StochasticTensor

__all__ = ["BayesianNet", "StochasticTensor"]

_observing: ContextVar[Mapping[str, Any] | None] = ContextVar("observing", default=None)


@contextlib.contextmanager
def observing(observed: Mapping[str, Any]) -> Iterator[None]:
    """Give these observations to the nets that are made inside the block, ``BayesianNet()``.

    :param observed: name -> value.
    """
    token = _observing.set(observed)
    try:
        yield
    finally:
        _observing.reset(token)


class BayesianNet(Predicts, nn.Module):
    r"""A Bayesian network that is also a ``jt.Module``.

    **Class style.** Subclass it, make layers in ``__init__``, and describe the generative
    process in ``execute``::

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

    **Function style.** Make one and add nodes to it; there is a method for every family::

        @zs.meta_bayesian_net(scope="gen", reuse_variables=True)
        def generator(n):
            bn = zs.BayesianNet()
            z = bn.normal("z", jt.zeros([n, 40]), std=1.0, group_ndims=1)
            logits = zs.get_module("fc", nn.Linear, 40, 784)(z)
            bn.deterministic("x_mean", zs.special.sigmoid(logits))
            bn.bernoulli("x", logits, group_ndims=1)
            return bn

        bn = generator(64).observe(x=x)

    :param observed: observations of a network that is built from outside, node by node. By
        default those of the :class:`~zhusuan.framework.meta_bn.MetaBayesianNet` that is at work,
        if any.
    """

    _run: Run

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Stand for the methods that node_methods.py makes, one for every family."""

    def __new__(cls, *args: Any, **kwargs: Any) -> BayesianNet:
        """Make a net that is ready to run."""
        # Here and not in __init__, so that a subclass may leave super().__init__() out, as
        # Jittor's own modules may.
        net = super().__new__(cls)
        object.__setattr__(net, "_run", Run(None))
        return net

    def __init__(self, observed: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        if observed is None:
            observed = _observing.get()
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
        raise_unread([self])
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
    def title(self) -> str:
        """What messages call the net: the function that built it, or its class."""
        return self._run.title or type(self).__name__

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
        n_data: int | None = None,
        **parameters: Any,
    ) -> Var:
        """Add a stochastic node and return its value.

        :param distribution: name of a family, a family, or a distribution.
        :param name: name of the node, unique in the run.
        :param n_samples: see :class:`~zhusuan.framework.stochastic_tensor.StochasticTensor`,
            as for the next four.
        :param reduce_mean_dims: dims of the log-probability to average over.
        :param reduce_sum_dims: dims of the log-probability to sum over.
        :param multiplier: factor of the log-probability.
        :param n_data: how many data there are in all, where the last dim of the log-probability
            counts those of a minibatch.
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
        self._check_free(name)
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
            n_data=n_data,
        )
        run.nodes[name] = node
        run.log_joint = None
        value = node.tensor
        # Weakly: the node holds the Var, and a cycle through a Var is never freed.
        value.node = weakref.proxy(node)
        return value

    sn = stochastic_node

    def stochastic(self, name: str, dist: Distribution, **options: Any) -> Var:
        """Add a stochastic node with a ready-made distribution and return its value.

        :param name: name of the node.
        :param dist: its distribution.
        :param options: ``n_samples``, ``reduce_mean_dims``, ``reduce_sum_dims``, ``multiplier``,
            ``n_data``.
        :return: the value: the observation, or else one draw, of shape ``([n_samples] +)
            batch_shape + value_shape``.
        """
        return self.stochastic_node(dist, name, **options)

    def deterministic(self, name: str, value: Any) -> Any:
        """Keep a value of the run under a name: ``bn[name]``, and ``bn.cache[name]``.

        :param name: name of the value, unique in the run.
        :param value: the value, such as the mean of an image.
        :return: the value.
        :raises ValueError: if the name is taken.
        :raises TypeError: if the name is no string.
        """
        if not isinstance(name, str) or not name:
            raise TypeError(f"a node's name must be a non-empty string, got {name!r}")
        self._check_free(name)
        self._run.cache[name] = value
        return value

    def _check_free(self, name: str) -> None:
        run = self._run
        if name in run.nodes:
            raise ValueError(
                f"node {name!r} exists already ({run.nodes[name].dist!r}); "
                "each name can be used once in a run"
            )
        if name in run.cache:
            raise ValueError(
                f"node {name!r} exists already, as a deterministic one; each name can be used "
                "once in a run"
            )

    # -- values and log-probabilities by name

    def get(self, name_or_names: str | Sequence[str]) -> Any:
        """Return the value of a node, stochastic or deterministic; for a list, a list.

        :param name_or_names: a name or several.
        :return: the value, a Var for a stochastic node, of the node's shape; or a list of values.
        :raises TypeError: if a name is no string.
        :raises ValueError: if there is no such node.
        """
        return self._each(name_or_names, self._value)

    def __getitem__(self, name: str) -> Any:
        """Return the value of a node, stochastic or deterministic."""
        return self._value(name)

    def __contains__(self, name: object) -> bool:
        return name in self._run.nodes or name in self._run.cache

    def cond_log_prob(self, name_or_names: str | Sequence[str]) -> Any:
        """Return the log-probability of a stochastic node given its parents; for a list, a list.

        :param name_or_names: a name or several.
        :return: Var, in nats, of the shape of the node's log-probability; or a list of Vars.
        :raises ValueError: if there is no such node, or it is deterministic.
        """
        return self._each(name_or_names, lambda name: self._node(name).log_prob())

    def outputs(self, name_or_names: str | Sequence[str]) -> Any:
        """Return what :meth:`get` returns, under ZhuSuan's earlier name.

        :param name_or_names: a name or several.
        :return: as :meth:`get`.
        """
        return self.get(name_or_names)

    def local_log_prob(self, name_or_names: str | Sequence[str]) -> Any:
        """Return what :meth:`cond_log_prob` returns, under ZhuSuan's earlier name.

        :param name_or_names: a name or several.
        :return: as :meth:`cond_log_prob`, in nats.
        """
        return self.cond_log_prob(name_or_names)

    def query(
        self,
        name_or_names: str | Sequence[str],
        outputs: bool = False,
        local_log_prob: bool = False,
    ) -> Any:
        """Return values, log-probabilities or pairs of both.

        :param name_or_names: a name or several; for several, a list comes back.
        :param outputs: return values.
        :param local_log_prob: return log-probabilities.
        :return: a value, its log-probability in nats, or a pair of both; for several names a list
            of them.
        :raises ValueError: if neither is asked for.
        """
        if not (outputs or local_log_prob):
            raise ValueError("query needs outputs=True, local_log_prob=True or both")

        def one(name: str) -> Any:
            if not local_log_prob:
                return self._value(name)
            log_prob = self._node(name).log_prob()
            return (self._value(name), log_prob) if outputs else log_prob

        return self._each(name_or_names, one)

    def _each(self, name_or_names: Any, one: Callable[[str], Any]) -> Any:
        if isinstance(name_or_names, (list, tuple)):
            return [one(name) for name in name_or_names]
        return one(name_or_names)

    def _value(self, name: Any) -> Any:
        if isinstance(name, str) and name in self._run.cache:
            return self._run.cache[name]
        return self._node(name, "").tensor

    def _node(self, name: Any, kind: str = "stochastic ") -> StochasticTensor:
        if not isinstance(name, str):
            raise TypeError(f"nodes are named by strings, got {name!r}")
        run = self._run
        if name in run.nodes:
            return run.nodes[name]
        if kind and name in run.cache:
            raise ValueError(f"node {name!r} is deterministic: it has no log-probability")
        known = [*run.nodes, *run.cache]
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"there is no {kind}node {name!r}{hint} The nodes are {sorted(known)}")

    # -- the joint density

    def log_joint(self, use_cache: bool = False) -> Var:
        """Return the sum of the nodes' log-probabilities.

        :param use_cache: return what an earlier call in this run computed, and keep it for later
            calls.
        :return: Var, in nats; the shape is the common one of the nodes' log-probabilities.
        :raises ValueError: if there is no node, or their shapes do not align.
        """
        run = self._run
        if use_cache and run.log_joint is not None:
            return run.log_joint
        total = self._sum_of_nodes() if run.joint is None else run.joint(self)
        if use_cache:
            run.log_joint = total
        return total

    def replace_log_joint(self, function: Callable[[BayesianNet], Var] | None) -> None:
        """Let :meth:`log_joint` of this run return what ``function`` makes of the net.

        :param function: function of the net; None for the sum over the nodes.
        """
        self._run.joint = function
        self._run.log_joint = None

    def _sum_of_nodes(self) -> Var:
        run = self._run
        if not run.nodes:
            raise ValueError(
                f"{self.title} has no stochastic node: run it first, net(observed)"
            )
        terms = {name: node.log_prob() for name, node in run.nodes.items()}
        check_aligned(run.nodes, {name: shape_of(term) for name, term in terms.items()})
        total = None
        for term in terms.values():
            total = term if total is None else total + term
        return total

    # -- what people see

    def extra_repr(self) -> str:
        """Return nothing: Jittor's default shows local names of ``__init__`` as if arguments.

        :return: an empty string.
        """
        return ""

    def __str__(self) -> str:
        return display.net_text(self, super().__str__())

    def _repr_html_(self) -> str:
        return display.net_html(self, super().__str__())


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
