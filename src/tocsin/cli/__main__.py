"""``python -m tocsin.cli``: the same program as ``tocsin``."""

from tocsin.cli import main

if __name__ == "__main__":
    main()
