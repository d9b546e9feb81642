"""`python -m tfnxc`, the same as the command `tfnxc`."""

from tfnxc.cli import main

if __name__ == "__main__":
    main(prog_name="tfnxc")
