"""What people see after grading: a page for each learner, and one on the class."""

from xorkit.pages.feedback_page import feedback
from xorkit.pages.report_page import report

__all__ = ["feedback", "report"]
