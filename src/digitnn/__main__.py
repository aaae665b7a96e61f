"""Run the command line as `python -m digitnn`."""

import os
import sys

from digitnn.cli.app import main

if __name__ == "__main__":
    code = main()
    if "TORCHELASTIC_RUN_ID" in os.environ:  # leave the connections to the system, see `leave`
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
