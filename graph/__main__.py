"""`python -m graph`: the same as the command `wxgate`."""

from graph.cli import main

if __name__ == "__main__":
    main()
