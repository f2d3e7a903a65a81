"""The network inside a coupling, when no other is given."""

from __future__ import annotations

from collections.abc import Callable

from jittor import nn

from zhusuan._tensor import Var

# A coupling starts near the identity: a deep chain of them would explode otherwise.
LAST_LAYER = 0.01


class Conditioner(nn.Module):
    """A fully connected network: hidden layers of one size, and one linear layer.

    :param n_in: entries of its input.
    :param n_out: entries of its output.
    :param mid_dim: units of each hidden layer.
    :param hidden: number of hidden layers.
    :param context_size: entries of what it is conditioned on; 0 for none.
    :param activation: function of a Var after each hidden layer.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        mid_dim: int,
        hidden: int,
        context_size: int,
        activation: Callable[[Var], Var],
    ) -> None:
        super().__init__()
        sizes = [n_in] + [mid_dim] * hidden
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])])
        self.context_layer = nn.Linear(context_size, mid_dim, bias=False) if context_size else None
        self.last = nn.Linear(mid_dim, n_out)
        self.last.weight = (self.last.weight * LAST_LAYER).detach()
        self.last.bias = (self.last.bias * LAST_LAYER).detach()
        self._activation = activation

    def execute(self, x: Var, context: Var | None = None) -> Var:
        """Return the outputs, shape [n, n_out].

        :param x: shape [n, n_in].
        :param context: shape [n, context_size].
        """
        first, *rest = self.layers
        h = first(x)
        if self.context_layer is not None:
            h = h + self.context_layer(context)
        h = self._activation(h)
        for layer in rest:
            h = self._activation(layer(h))
        return self.last(h)
