"""Exercises: backward passes to write oneself, checked, with hints and the names of mistakes."""

from plaingrad.learn.exercise import Exercise, Wrong, catalogue, exercise
from plaingrad.learn.grading import Grade, Submission, graded, submissions, write_csv
from plaingrad.learn.progress import Progress
from plaingrad.learn.submission import check_file, check_source
from plaingrad.learn.verdict import Problem, Verdict

__all__ = [
    "Exercise",
    "Grade",
    "Problem",
    "Progress",
    "Submission",
    "Verdict",
    "Wrong",
    "catalogue",
    "check_file",
    "check_source",
    "exercise",
    "graded",
    "submissions",
    "write_csv",
]
