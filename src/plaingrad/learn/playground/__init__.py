"""The playground: plaingrad training live, forward and backward one step at a time."""

from plaingrad.learn.playground.run import Run
from plaingrad.learn.playground.session import Session
from plaingrad.learn.playground.state import State, from_fragment, read_state, to_fragment

__all__ = ["Run", "Session", "State", "from_fragment", "read_state", "to_fragment"]
