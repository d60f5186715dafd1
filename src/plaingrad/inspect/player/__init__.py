"""One step of training as a page that is stepped through, layer by layer, forward and backward."""

from plaingrad.inspect.player.frame import packed
from plaingrad.inspect.player.page import page, page_file
from plaingrad.inspect.player.player import step_player
from plaingrad.inspect.player.stages import Stage, stages
from plaingrad.inspect.player.steps import Steps

__all__ = ["Stage", "Steps", "packed", "page", "page_file", "stages", "step_player"]
