"""`python -m plaingrad`: the command line, where the shell knows no `plaingrad`."""

from plaingrad.cli import main

if __name__ == "__main__":
    main()
