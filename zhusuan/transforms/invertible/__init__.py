"""Invertible maps that are learned: the layers of NICE, RealNVP and Glow."""

from zhusuan.transforms.invertible.actnorm import ActNorm
from zhusuan.transforms.invertible.base import InvertibleTransform
from zhusuan.transforms.invertible.convolution import InvertibleConv1x1
from zhusuan.transforms.invertible.coupling import AdditiveCoupling, AffineCoupling
from zhusuan.transforms.invertible.masks import get_coupling_mask
from zhusuan.transforms.invertible.multiscale import FactorOut
from zhusuan.transforms.invertible.scaling import Scaling
from zhusuan.transforms.invertible.squeeze import Squeeze

__all__ = [
    "ActNorm",
    "AdditiveCoupling",
    "AffineCoupling",
    "FactorOut",
    "InvertibleConv1x1",
    "InvertibleTransform",
    "Scaling",
    "Squeeze",
    "get_coupling_mask",
]
