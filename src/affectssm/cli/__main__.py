"""``python -m affectssm.cli``."""

from affectssm.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
