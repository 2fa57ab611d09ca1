"""nbgrader's settings for this course: the same as xorkit's own, with another place for Colab."""

c = get_config()  # noqa: F821  # nbgrader defines it where this file runs

load_subconfig("../../nbgrader_config.py")  # noqa: F821  # traitlets defines it too
c.ReleaseCells.colab = "owner/and-course/main"
