"""Networks as plain data and as one file."""

from plaingrad.saving.build import build
from plaingrad.saving.describe import describe
from plaingrad.saving.format import ModelFile, load, read_file, save
from plaingrad.saving.holder import Graph, Holder

__all__ = ["Graph", "Holder", "ModelFile", "build", "describe", "load", "read_file", "save"]
