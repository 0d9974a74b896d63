"""`python -m harness` is `oomproof`."""

from harness.cli import main

if __name__ == "__main__":
    main()
