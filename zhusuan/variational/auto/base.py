"""What all automatic variational families share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import Var
from zhusuan.distributions.base import Distribution
from zhusuan.distributions.validation import validated_together
from zhusuan.framework.bn import BayesianNet
from zhusuan.framework.judging import raise_unread
from zhusuan.framework.latents import Model, find_latents
from zhusuan.framework.reuse import LoadsChecked, name_net
from zhusuan.variational.auto.starts import Init, starting_point


class AutoGuide(LoadsChecked):
    r"""Base of the automatic variational families.

    A guide is a module that, called on observations, gives a BayesianNet, so it is what every
    objective takes as its variational net. It is built from one run of the model: the latent nodes,
    their shapes and their supports. All latent nodes together are a vector :math:`u` of D real
    coordinates, which :func:`zhusuan.transforms.transform_to` maps to the supports, node by node.

    The data may change from call to call, but not the shapes of the latent nodes: where each datum
    has its own latent variable, a batch of another size does not fit, and the model's node says so.
    Bounds of a support are those of the run that built the guide.

    **Writing a family.** Make the parameters in ``__init__``, after ``super().__init__``, from
    ``self._start``, the first value of :math:`u`; write ``_vector`` and ``_add_nodes``.

    :param model: callable from a dict of observations to a
        :class:`~zhusuan.framework.bn.BayesianNet`.
    :param observed: name -> value of the observed nodes and inputs, as the model takes them.
    :param n_samples: particles: draws on a new leading axis; None for one draw without it. It may
        be changed later, ``guide.n_samples = None``.
    :param init: where :math:`u` begins. ``'median'`` (or ``'mean'``) of 15 draws of the prior on
        the real scale; ``'sample'``, one draw; ``'uniform'`` between -2 and 2; ``'zero'``; a dict
        of names and values (nodes that are left out begin at their median); or a function from a
        node of the model to its value. A start with an infinite log joint is replaced by others at
        random, up to 20 times, unless ``init`` leaves no choice.
    :param latents: names of the latent nodes to cover, by default all. The others must be observed
        or drawn by another net when the guide is used.
    :param reparameterize: whether draws carry gradients; False for objectives that score them,
        such as :class:`~zhusuan.variational.InclusiveKLObjective`.
    :param use_path_derivative: block the gradient that reaches the parameters through the
        log-density and not through the draw (Roeder et al. 2017, eq. 5): as the guide comes close
        to the posterior, the noise of the gradient goes to 0.
    :raises TypeError: if the model is not callable or returns no BayesianNet, or for an option of
        the wrong kind.
    :raises ValueError: if there is no latent node, one has a discrete support or its own particles,
        or no start with a finite log joint is found; the message names the node.
    """

    # Whether log q is one number for each particle, so that the model's log joint must be, too.
    _is_joint = False

    def __init__(
        self,
        model: Model,
        observed: Mapping[str, Any] | None = None,
        n_samples: int | None = None,
        init: Init = "median",
        *,
        latents: Sequence[str] | None = None,
        reparameterize: bool = True,
        use_path_derivative: bool = False,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if not callable(model):
            raise TypeError(f"{name}: the model must be callable on observations, got {model!r}")
        observed = {} if observed is None else dict(observed)
        self.n_samples = _check_count(name, "n_samples", n_samples)
        self._data = frozenset(observed)
        self._latents = find_latents(name, model, observed, latents)
        self._reparameterize = bool(reparameterize)
        self._use_path_derivative = bool(use_path_derivative)
        self._start, shape = starting_point(
            name, model, observed, self._latents, init, self.n_samples
        )
        expected = (1,) if self.n_samples is None else (self.n_samples,)
        if self._is_joint and shape != expected:
            raise ValueError(
                f"{name} has one log-density for all latent nodes, of shape {list(expected)}, but "
                f"the log joint of the model has shape {list(shape)}: use group_ndims or "
                "reduce_sum_dims in the model's nodes, or MeanField, which keeps the groups of "
                "each node"
            )

    # -- what a family writes

    @abstractmethod
    def _vector(self) -> Distribution:
        """Return the distribution of all D coordinates, draws of shape [D]."""

    @abstractmethod
    def _add_nodes(self, net: BayesianNet) -> None:
        """Add a node for each latent to a net that may observe some."""

    # -- as a variational net

    def execute(self, observed: Mapping[str, Any] | None = None) -> BayesianNet:
        """Draw the latent nodes, or take those that are observed.

        :param observed: name -> value: latent nodes, whose log-density is wanted; and the data,
            which the guide does not read.
        :return: a net with the latent nodes of the model.
        :raises ValueError: for a name that neither the guide nor the model it was built from knows.
        """
        given = {} if observed is None else observed
        if isinstance(given, Mapping):  # if not, the net says what is wrong
            given = {name: value for name, value in given.items() if name not in self._data}
        net = BayesianNet(given)
        name_net(net, type(self).__name__)
        with validated_together():
            self._add_nodes(net)
        raise_unread([net])
        return net

    # -- what the fit says

    @property
    def index(self) -> dict[str, slice]:
        """Name of a latent node -> its place in the vector of real coordinates."""
        return {latent.name: slice(latent.start, latent.stop) for latent in self._latents}

    def sample(self, n: int) -> dict[str, np.ndarray]:
        """Draw from the guide, whatever its ``n_samples``.

        :param n: number of draws.
        :return: name -> array of shape ``[n] + shape of the node``; it is what
            :func:`zhusuan.predict` takes as ``posterior``.
        :raises TypeError: if ``n`` is no int.
        :raises ValueError: if it is below 1.
        """
        _check_count(type(self).__name__, "n", n, optional=False)
        with jt.no_grad():
            return self._on_support(self._vector().sample(n))

    def median(self) -> dict[str, np.ndarray]:
        """Return the median of each element of each latent node, on its support.

        :return: name -> array of the node's shape; see :meth:`quantiles`.
        """
        return {name: values[0] for name, values in self.quantiles([0.5]).items()}

    def quantiles(self, probabilities: Sequence[float]) -> dict[str, np.ndarray]:
        """Return quantiles of each element of each latent node, on its support.

        :param probabilities: one or several numbers in (0, 1).
        :return: name -> array of shape ``[len(probabilities)] + shape of the node``.
        :raises ValueError: if one is outside (0, 1).
        """
        asked = np.asarray(probabilities, np.float64).reshape(-1)
        if not ((asked > 0) & (asked < 1)).all():
            raise ValueError(f"quantiles are those of numbers in (0, 1), got {probabilities!r}")
        with jt.no_grad():
            return self._quantiles(asked)

    @abstractmethod
    def _quantiles(self, probabilities: np.ndarray) -> dict[str, np.ndarray]:
        """Return quantiles; the probabilities have shape [n]."""

    def _on_support(self, vectors: Any) -> dict[str, np.ndarray]:
        vectors = vectors if isinstance(vectors, jt.Var) else jt.array(np.float32(vectors))
        values = [latent.value(vectors) for latent in self._latents]
        fetched = jt.fetch_sync(values)
        return {latent.name: np.array(v) for latent, v in zip(self._latents, fetched)}

    # -- parameters

    def _start_var(self) -> Var:
        return jt.array(self._start)

    @property
    def _dim(self) -> int:
        return self._latents[-1].stop

    @property
    def _options(self) -> dict[str, Any]:
        return {
            "reparameterize": self._reparameterize,
            "use_path_derivative": self._use_path_derivative,
        }

    def __repr__(self) -> str:
        nodes = ", ".join(f"{latent.name} {list(latent.shape)}" for latent in self._latents)
        return f"<{type(self).__name__} of {nodes}: {self._dim} real coordinates>"

    __str__ = __repr__


def log_scale(guide: str, init_scale: Any, dim: int) -> Var:
    """Return the logarithm of the first standard deviations, shape [D].

    :param guide: name of the family, for the message.
    :param init_scale: positive number.
    :param dim: D.
    :raises ValueError: if it is not positive.
    """
    if isinstance(init_scale, bool) or not isinstance(init_scale, (int, float, np.number)):
        raise TypeError(f"{guide}: init_scale must be a number, got {init_scale!r}")
    if not 0.0 < init_scale < np.inf:
        raise ValueError(f"{guide}: init_scale must be positive, got {init_scale}")
    return jt.array(np.full(dim, np.log(init_scale), np.float32))


def _check_count(guide: str, what: str, n: Any, optional: bool = True) -> int | None:
    if n is None and optional:
        return None
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
        raise TypeError(f"{guide}: {what} must be an int{' or None' * optional}, got {n!r}")
    if n < 1:
        raise ValueError(f"{guide}: {what} must be at least 1, got {n}")
    return int(n)
