"""nbgrader's settings for this course; whatever isn't here is nbgrader's default."""

from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    ComputeChecksums,
    DeduplicateIds,
    Execute,
    IncludeHeaderFooter,
    InstantiateTests,
    LimitOutput,
    LockCells,
    OverwriteCells,
    OverwriteKernelspec,
    SaveCells,
)

from xorkit.preprocessors import ClearBlanks, PackChecks, Rebuild, ReleaseCells, SaveGrades

c = get_config()  # noqa: F821  # nbgrader defines it where this file runs

# The "Open in Colab" badge points here: owner/repository/branch.
c.ReleaseCells.colab = "owner/xorkit/main"

# nbgrader's own list and order, with three changes: PackChecks puts the self-checks into the set-up
# cell, ClearBlanks stands in for ClearSolutions (an empty blank says which one it is), and
# ReleaseCells comes last (it changes no graded text but badge and metadata, which Colab and
# JupyterLab show).
c.GenerateAssignment.preprocessors = [
    IncludeHeaderFooter,
    InstantiateTests,
    LockCells,
    PackChecks,
    ClearBlanks,
    ClearOutput,
    CheckCellMetadata,
    ComputeChecksums,
    SaveCells,
    ClearHiddenTests,
    ClearMarkScheme,
    ComputeChecksums,
    CheckCellMetadata,
    ReleaseCells,
]

# `nbgrader autograde`: nbgrader's own list and order, with Rebuild before all of it. A deleted,
# copied or renamed cell would otherwise cost points in silence, or end the batch.
c.Autograde.sanitize_preprocessors = [
    Rebuild,
    ClearOutput,
    DeduplicateIds,
    OverwriteKernelspec,
    OverwriteCells,
    CheckCellMetadata,
]

# Again nbgrader's own list (without two that do nothing unless they are set up), with SaveGrades in
# SaveAutoGrades' place. That one pays all points for a value that it can't read, none for a line on
# stderr, and can't leave a tested cell to a person.
c.Autograde.autograde_preprocessors = [
    Execute,
    LimitOutput,
    SaveGrades,
    AssignLatePenalties,
    CheckCellMetadata,
]

# Seconds a cell, as `xorkit grade` has it; nbgrader's 30 are few on a busy machine.
c.Execute.timeout = 60

# What xorkit keeps beside a notebook for the instructor; nbgrader would copy it into the feedback.
c.CourseDirectory.ignore = [
    ".ipynb_checkpoints",
    "*.pyc",
    "__pycache__",
    "feedback",
    "intake.json",
    "verdict.json",
    "evidence.json.gz",
]
