"""Compare freshly measured headline metrics with the committed ones; hits may differ by one."""

import argparse
import json
import sys
from pathlib import Path

from sparebits.summary import metric_differences


def main(arguments: argparse.Namespace) -> None:
    committed, measured = (json.loads(Path(path).read_text()) for path in (arguments.committed, arguments.measured))
    committed = {name: found for name, found in committed.items() if name in (arguments.networks or committed)}
    differences = metric_differences(committed, measured)
    if differences:
        sys.exit("error: the committed metrics are not what this run gives:\n  " + "\n  ".join(differences))
    print(f"the metrics of {', '.join(measured)} are as committed")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--committed", required=True, help="metrics.json of the last commit")
    parser.add_argument("--measured", required=True, help="metrics.json of this run")
    parser.add_argument("--networks", nargs="+", help="those that were measured; all by default")
    main(parser.parse_args())
