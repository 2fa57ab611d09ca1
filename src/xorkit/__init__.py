"""Auto-graded PyTorch exercises that are judged by what the training did."""

__version__ = "0.1.0"
