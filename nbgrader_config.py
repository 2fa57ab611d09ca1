"""nbgrader's settings for this course; whatever isn't here is nbgrader's default."""

from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    ComputeChecksums,
    IncludeHeaderFooter,
    InstantiateTests,
    LockCells,
    SaveCells,
)

from xorkit.preprocessors import ClearBlanks, ReleaseCells

c = get_config()  # noqa: F821  # nbgrader defines it where this file runs

# The "Open in Colab" badge points here: owner/repository/branch.
c.ReleaseCells.colab = "owner/xorkit/main"

# nbgrader's own list and order, with two changes: ClearBlanks stands in for ClearSolutions (an
# empty blank says which one it is), and ReleaseCells comes last (it changes no graded text but
# badge and metadata, which Colab and JupyterLab show).
c.GenerateAssignment.preprocessors = [
    IncludeHeaderFooter,
    InstantiateTests,
    LockCells,
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
