import sys
from pathlib import Path

# The class with the awkward names is the one that is collected.
sys.path.insert(0, str(Path(__file__).parents[1] / "intake"))
