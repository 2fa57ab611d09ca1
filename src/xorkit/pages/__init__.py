"""What people see after grading: a page for each learner, and one on the class."""
