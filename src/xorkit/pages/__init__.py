"""What people see after grading: a page for each learner, and one on the class."""

from xorkit.pages.feedback_page import feedback
from xorkit.pages.report_page import report
from xorkit.pages.writing import feedback_path, write_feedback, write_report

__all__ = ["feedback", "feedback_path", "report", "write_feedback", "write_report"]
