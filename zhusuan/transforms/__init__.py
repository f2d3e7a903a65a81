r"""Invertible maps, each with the logarithm of the volume that it changes.

``y, log_det = transform(x)`` and ``x = transform(y, inverse=True)``; :func:`transform_to` finds
the map from the real numbers to the support of a distribution.
"""

from zhusuan.transforms.autoregressive import InverseAutoregressive, MaskedAutoregressive
from zhusuan.transforms.base import Inverse, Transform
from zhusuan.transforms.correlation import CorrelationCholesky
from zhusuan.transforms.interval import Exp, GreaterThan, Interval, LessThan, Sigmoid
from zhusuan.transforms.made import MADE, MaskedLinear
from zhusuan.transforms.ordered import Ordered
from zhusuan.transforms.permutation import Permutation
from zhusuan.transforms.registry import register_transform, transform_to
from zhusuan.transforms.sequential import Sequential
from zhusuan.transforms.simple import Affine, Identity
from zhusuan.transforms.simplex import LogStickBreaking, StickBreaking
from zhusuan.transforms.triangular import CholeskyProduct, LowerCholesky, PositiveDefinite
from zhusuan.transforms.unbounded import Logit, Softplus, Tanh

__all__ = [
    "MADE",
    "Affine",
    "CholeskyProduct",
    "CorrelationCholesky",
    "Exp",
    "GreaterThan",
    "Identity",
    "Interval",
    "Inverse",
    "InverseAutoregressive",
    "LessThan",
    "Logit",
    "LogStickBreaking",
    "LowerCholesky",
    "MaskedAutoregressive",
    "MaskedLinear",
    "Ordered",
    "Permutation",
    "PositiveDefinite",
    "Sequential",
    "Sigmoid",
    "Softplus",
    "StickBreaking",
    "Tanh",
    "Transform",
    "register_transform",
    "transform_to",
]
