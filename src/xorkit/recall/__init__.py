from xorkit.recall.grading import Mark, grade
from xorkit.recall.rubric import Rubric, Rubrics

__all__ = ["Mark", "Rubric", "Rubrics", "grade"]
