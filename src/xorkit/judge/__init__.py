"""Is this recorded run gradient descent, and if not, what is it? Pure functions on evidence."""

from xorkit.judge.blanks import Judged, judge_data, judge_model, judge_settings
from xorkit.judge.questions import questions
from xorkit.judge.training import Facts, judge_result, judge_training, own_run

__all__ = [
    "Facts",
    "Judged",
    "judge_data",
    "judge_model",
    "judge_result",
    "judge_settings",
    "judge_training",
    "own_run",
    "questions",
]
