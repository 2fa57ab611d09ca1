"""Auto-graded PyTorch exercises that are judged by what the training did."""
