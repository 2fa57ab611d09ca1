"""`python -m xorkit`."""

from xorkit.cli import main

main()
