"""``python -m tocsin.cli``: the same program as ``tocsin``."""

from tocsin.cli import main

main()
