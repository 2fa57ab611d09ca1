"""What people see after grading: a page for each learner, and one on the class."""

from xorkit.pages.feedback_page import feedback_page
from xorkit.pages.report_page import report_page
from xorkit.pages.writing import feedback_path, write_feedback, write_report

__all__ = ["feedback_page", "feedback_path", "report_page", "write_feedback", "write_report"]
