"""Equations with numbers: what a module computed in a recorded step, term by term."""

from plaingrad.inspect.explain import activation as activation  # each registers what it explains
from plaingrad.inspect.explain import attention as attention
from plaingrad.inspect.explain import convolution as convolution
from plaingrad.inspect.explain import cross_entropy as cross_entropy
from plaingrad.inspect.explain import dropout as dropout
from plaingrad.inspect.explain import embedding as embedding
from plaingrad.inspect.explain import linear as linear
from plaingrad.inspect.explain import loss as loss
from plaingrad.inspect.explain import normalization as normalization
from plaingrad.inspect.explain import pooling as pooling
from plaingrad.inspect.explain import recurrent as recurrent
from plaingrad.inspect.explain import shape as shape
from plaingrad.inspect.explain import softmax as softmax
from plaingrad.inspect.explain.explain import explain
from plaingrad.inspect.explain.explanation import Explanation

__all__ = ["Explanation", "explain"]
