from xorkit.recall.grading import Mark, fitted, mark_answer
from xorkit.recall.report import Change, Report, changes, evaluate
from xorkit.recall.rubric import Rubric, Rubrics, SecondStage

__all__ = [
    "Change",
    "Mark",
    "Report",
    "Rubric",
    "Rubrics",
    "SecondStage",
    "changes",
    "evaluate",
    "fitted",
    "mark_answer",
]
