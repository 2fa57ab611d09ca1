"""Is this recorded run gradient descent, and if not, what is it? Pure functions on evidence."""

from xorkit.judge.calls import named_only
from xorkit.judge.claims import Claim
from xorkit.judge.data import Data, judge_data
from xorkit.judge.epochs import Facts
from xorkit.judge.model import Model, judge_model
from xorkit.judge.questions import begins_as_asked, needed, questions
from xorkit.judge.result import Result, judge_result
from xorkit.judge.settings import Settings, judge_settings
from xorkit.judge.training import Training, judge_training

__all__ = [
    "Claim",
    "Data",
    "Facts",
    "Model",
    "Result",
    "Settings",
    "Training",
    "begins_as_asked",
    "judge_data",
    "judge_model",
    "judge_result",
    "judge_settings",
    "judge_training",
    "named_only",
    "needed",
    "questions",
]
