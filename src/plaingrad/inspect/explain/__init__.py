"""Equations with numbers: what a module computed in a recorded step, term by term."""

from plaingrad.inspect.explain import activation as activation  # each registers what it explains
from plaingrad.inspect.explain import attention as attention
from plaingrad.inspect.explain import convolution as convolution
from plaingrad.inspect.explain import cross_entropy as cross_entropy
from plaingrad.inspect.explain import distance as distance
from plaingrad.inspect.explain import dropout as dropout
from plaingrad.inspect.explain import embedding as embedding
from plaingrad.inspect.explain import further_rules as further_rules
from plaingrad.inspect.explain import linear as linear
from plaingrad.inspect.explain import loss as loss
from plaingrad.inspect.explain import normalization as normalization
from plaingrad.inspect.explain import pooling as pooling
from plaingrad.inspect.explain import recurrent as recurrent
from plaingrad.inspect.explain import residual as residual
from plaingrad.inspect.explain import response as response
from plaingrad.inspect.explain import softmax as softmax
from plaingrad.inspect.explain import transposed as transposed
from plaingrad.inspect.explain.explain import explain
from plaingrad.inspect.explain.explanation import Explanation
from plaingrad.inspect.explain.losses import ctc as ctc
from plaingrad.inspect.explain.losses import pairs as pairs
from plaingrad.inspect.explain.losses import rows as rows
from plaingrad.inspect.explain.operations import elementwise as elementwise
from plaingrad.inspect.explain.operations import product as product
from plaingrad.inspect.explain.operations import reduction as reduction
from plaingrad.inspect.explain.operations import weighted as weighted

__all__ = ["Explanation", "explain"]
