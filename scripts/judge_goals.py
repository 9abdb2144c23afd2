"""Set the goals of protection beside what the full campaign measured."""

import argparse
from pathlib import Path

from sparebits.commandline import run
from sparebits.files import write_table
from sparebits.goals import goal_table, goals_of


def main(arguments: argparse.Namespace) -> None:
    goals = [goal for network in arguments.networks for goal in goals_of(network, Path(arguments.results) / network)]
    table = goal_table(goals)
    write_table(arguments.output, table)
    print(table.to_string(index=False))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, help="folder with a folder of tables for each network")
    parser.add_argument("--networks", nargs="+", required=True)
    parser.add_argument("--output", required=True, help="goals.csv")
    run(main, parser)
