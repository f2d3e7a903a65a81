r"""Invertible maps, each with the logarithm of the volume that it changes.

``y, log_det = transform(x)`` and ``x = transform(y, inverse=True)``; :func:`transform_to` finds
the map from the real numbers to the support of a distribution.
"""

from zhusuan.transforms.autoregressive import InverseAutoregressive, MaskedAutoregressive
from zhusuan.transforms.base import Inverse, Transform
from zhusuan.transforms.batch_norm import BatchNorm
from zhusuan.transforms.correlation import CorrelationCholesky
from zhusuan.transforms.dequantization import BoundedLogit, dequantize, quantize
from zhusuan.transforms.householder import Householder
from zhusuan.transforms.interval import Exp, GreaterThan, Interval, LessThan, Sigmoid
from zhusuan.transforms.invertible import (
    ActNorm,
    AdditiveCoupling,
    AffineCoupling,
    FactorOut,
    InvertibleConv1x1,
    InvertibleTransform,
    Scaling,
    Squeeze,
    get_coupling_mask,
)
from zhusuan.transforms.made import MADE, MaskedLinear
from zhusuan.transforms.ordered import Ordered
from zhusuan.transforms.permutation import Permutation
from zhusuan.transforms.planar import Planar
from zhusuan.transforms.radial import Radial
from zhusuan.transforms.registry import register_transform, transform_to
from zhusuan.transforms.sequential import Sequential
from zhusuan.transforms.simple import Affine, Identity
from zhusuan.transforms.simplex import LogStickBreaking, StickBreaking
from zhusuan.transforms.sinh_arcsinh import SinhArcsinh
from zhusuan.transforms.spline import Spline
from zhusuan.transforms.spline_flows import SplineAutoregressive, SplineCoupling
from zhusuan.transforms.sylvester import Sylvester
from zhusuan.transforms.triangular import CholeskyProduct, LowerCholesky, PositiveDefinite
from zhusuan.transforms.unbounded import Logit, Softplus, Tanh

__all__ = [
    "MADE",
    "ActNorm",
    "AdditiveCoupling",
    "Affine",
    "AffineCoupling",
    "BatchNorm",
    "BoundedLogit",
    "CholeskyProduct",
    "CorrelationCholesky",
    "Exp",
    "FactorOut",
    "GreaterThan",
    "Householder",
    "Identity",
    "Interval",
    "Inverse",
    "InverseAutoregressive",
    "InvertibleConv1x1",
    "InvertibleTransform",
    "LessThan",
    "LogStickBreaking",
    "Logit",
    "LowerCholesky",
    "MaskedAutoregressive",
    "MaskedLinear",
    "Ordered",
    "Permutation",
    "Planar",
    "PositiveDefinite",
    "Radial",
    "Scaling",
    "Sequential",
    "Sigmoid",
    "SinhArcsinh",
    "Softplus",
    "Spline",
    "SplineAutoregressive",
    "SplineCoupling",
    "Squeeze",
    "StickBreaking",
    "Sylvester",
    "Tanh",
    "Transform",
    "dequantize",
    "get_coupling_mask",
    "quantize",
    "register_transform",
    "transform_to",
]
