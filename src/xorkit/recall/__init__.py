from xorkit.recall.grading import Mark, grade
from xorkit.recall.report import Report, evaluate
from xorkit.recall.rubric import Rubric, Rubrics

__all__ = ["Mark", "Report", "Rubric", "Rubrics", "evaluate", "grade"]
