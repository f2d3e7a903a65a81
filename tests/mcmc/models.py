"""A model whose posterior is known, with latents of all kinds of support."""

import jittor as jt
import numpy as np

import zhusuan as zs

X = np.random.default_rng(4).normal(size=(20, 3)).astype(np.float32)
Y = (X @ [1.0, -2.0, 0.5] + np.random.default_rng(5).normal(size=20) * 0.5).astype(np.float32)
STD = 0.5


class Known(zs.BayesianNet):
    """A conjugate regression; beside it latents whose posterior is their prior."""

    def __init__(self):
        super().__init__()
        self._xt = jt.array(np.ascontiguousarray(X.T))

    def execute(self, observed):
        self.observe(observed)
        w = self.sn("Normal", name="w", mean=jt.zeros([3]), std=1.0, group_ndims=1)
        self.sn("Gamma", name="rate", alpha=jt.array([3.0]), beta=2.0, group_ndims=1)
        self.sn("Beta", name="p", alpha=jt.array([2.0]), beta=4.0, group_ndims=1)
        self.sn("Dirichlet", name="theta", alpha=jt.array([2.0, 3.0, 5.0]))
        mean = jt.matmul(w.reshape([-1, 3]), self._xt)
        self.sn("Normal", name="y", mean=mean, std=STD, group_ndims=1)
        return self


_COVARIANCE = np.linalg.inv(np.eye(3) + X.T @ X / STD**2)
_ALPHA = np.array([2.0, 3.0, 5.0])

# name -> mean and variance of the posterior
MOMENTS = {
    "w": (_COVARIANCE @ X.T @ Y / STD**2, np.diagonal(_COVARIANCE)),
    "rate": (np.array([1.5]), np.array([0.75])),
    "p": (np.array([1 / 3]), np.array([2 * 4 / (36 * 7)])),
    "theta": (_ALPHA / 10.0, _ALPHA * (10.0 - _ALPHA) / (100.0 * 11.0)),
}
