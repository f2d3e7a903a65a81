"""How well a model explains data: estimates of its log-likelihood, and of that of new data."""

from zhusuan.evaluation.ais import AIS, AISResult
from zhusuan.evaluation.bidirectional import Bidirectional, bidirectional
from zhusuan.evaluation.criteria import loo, waic
from zhusuan.evaluation.importance import is_loglikelihood
from zhusuan.evaluation.pointwise import pointwise_log_likelihood
from zhusuan.evaluation.weights import WeightSum

__all__ = [
    "AIS",
    "AISResult",
    "Bidirectional",
    "WeightSum",
    "bidirectional",
    "is_loglikelihood",
    "loo",
    "pointwise_log_likelihood",
    "waic",
]
