"""Read pictures with digitnn, by the requests that `rapidocr_worker` describes.

python -m benchmarks.peers.digitnn_worker [--model RUN]
"""

import argparse
import json
import sys
from time import process_time

from digitnn import __version__
from digitnn.errors import PictureError
from digitnn.reader.reader import Reader


def main() -> None:
    """Answer requests until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", metavar="RUN", help="a run instead of the shipped network")
    options = parser.parse_args()
    reader = Reader.load(options.model)
    print(json.dumps({"digitnn": __version__}), flush=True)
    for line in sys.stdin:
        request, start = json.loads(line), process_time()
        try:
            text = reader.read(request["path"], single=request["mode"] == "digit").text
        except PictureError:
            text = ""
        print(json.dumps({"text": text, "cpu_seconds": process_time() - start}), flush=True)


if __name__ == "__main__":
    main()
