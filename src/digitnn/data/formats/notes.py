"""Notes to the user about what a reader decided, such as "images are stored transposed".

They go to the log `digitnn.data`, which Python prints on stderr unless the program that uses the
package configures logging. Results on stdout stay as they are.
"""

import logging
from functools import cache

_LOG = logging.getLogger("digitnn.data")


@cache
def tell(note: str) -> None:
    """Report a decision about a file, in one line that names it; the same line only once.

    A command may read the same file for training, for validation and to count shared images.
    """
    _LOG.warning("%s", note)


def progress(line: str) -> None:
    """Report how far a long reading is, in one line."""
    _LOG.warning("%s", line)
