"""What arrives from learners, rebuilt so that it can be graded.

`collecting.collect` takes files, folders and LMS downloads; `reading.read_notebook` and
`rebuilding.rebuild` are what becomes of each notebook; `records` is what is kept beside it.
"""
