"""Run the command line as `python -m digitnn`."""

import sys

from digitnn.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
