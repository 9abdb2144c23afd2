"""The command line: sparebits analyze | protect | flip | inspect | verify | scrub | restore FILE, without the workflow.

Exit codes: 0 if all is well, 1 if verify or scrub found words that are beyond repair, 2 if nothing could be done.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sparebits.errors import InputError
from sparebits.faults.flip_file import flip_file
from sparebits.long_codes import commands as long_commands
from sparebits.long_codes.checkpoint import write_long
from sparebits.long_codes.header import mode_of
from sparebits.long_codes.modes import MODES
from sparebits.long_codes.scheme import fit_long_scheme
from sparebits.protection.analysis import failure_table, rounding_table, tensor_table, window_table
from sparebits.protection.checkpoint import (
    ProtectedCheckpoint,
    read_checkpoint,
    read_protected,
    write_protected,
    write_repaired,
    write_restored,
)
from sparebits.protection.default_plan import default_plan
from sparebits.protection.encoding import GroupReport, protect_words, recover_words, repair_words
from sparebits.protection.fitting import fit_scheme
from sparebits.protection.header import without_protection
from sparebits.protection.inspection import beyond_repair, count_table, group_table
from sparebits.protection.plan import Plan, plan_from_dict
from sparebits.protection.prepared import fit_to_file
from sparebits.tensor_files import SUFFIXES, read_tensors
from sparebits.text_tables import print_table

BERS = (1e-4, 1e-3, 1e-2, 2e-2, 5e-2)
"""At which `analyze` says how many words fail."""

_MODE_HELP = (
    "word (default): a code in every word, for inference that decodes on access; block: one code over 768 words, for "
    "storage; nested: both, a value is read from two words; nested-word: the same with a value a word"
)

SHOWN = 20
"""Words beyond repair that are listed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; an InputError becomes one sentence. Returns the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        code = chosen.command(chosen)
        sys.stdout.flush()
        return code
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
    except BrokenPipeError:  # whoever reads has enough, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"error: {error.filename or chosen.file}: {error.strerror or error}", file=sys.stderr)
    return 2


def analyze(arguments: argparse.Namespace) -> int:
    """Print what the parameters of FILE are like, and what the default plan would make of them."""
    checkpoint = read_checkpoint(arguments.file)
    fmt = checkpoint.fmt
    print(f"{arguments.file}: {len(checkpoint.words):,} values of {fmt.name} in {len(checkpoint.tensors)} tensors\n")
    print_table(tensor_table(checkpoint))
    print("\nExponents that are not of zeros, and the bits of a window that holds all of the widest tensor's:\n")
    print_table(window_table(checkpoint).rename(columns={"window_bits": "window bits"}))
    scheme = _named(arguments.file, lambda: fit_scheme(default_plan(fmt), checkpoint.tensors, checkpoint.words, fmt))
    print("\nWith the default plan: relative errors of the values that are not zero, and how many of them become it:\n")
    errors = rounding_table(checkpoint, scheme)
    for column in ("median_error", "largest_error"):
        errors[column] = errors[column].map("{:.3g} %".format)
    print_table(errors.rename(columns=lambda column: column.replace("_", " ")))
    print("\nCode words expected to have more flips than their code corrects, at bit error rates of:\n")
    failures = failure_table(scheme, checkpoint.tensors, BERS)
    print_table(failures.map(lambda value: f"{value:.2g}" if isinstance(value, float) else value))
    print(
        "\nWhat this costs in accuracy only images can tell: add the network to config.yaml, run "
        "`snakemake --cores all`, and give results/NETWORK/selection.json to `sparebits protect`."
    )
    return 0


def protect(arguments: argparse.Namespace) -> int:
    """Write FILE with its spare bits filled by codes, to --output."""
    output = _new_file(arguments, (".safetensors",))
    if arguments.mode != "word":
        return _protect_in_blocks(arguments, output)
    plan = _selected_plan(arguments.selection) if arguments.selection else None
    checkpoint = read_checkpoint(arguments.file)
    fitted = fit_to_file(plan or default_plan(checkpoint.fmt), arguments.file, checkpoint)
    stored = _named(arguments.file, lambda: protect_words(fitted.scheme, fitted.words, fitted.tensors))
    write_protected(output, checkpoint.file, fitted.scheme, fitted.tensors, stored)
    print(f"{output}: {len(stored):,} values in {len(fitted.tensors)} tensors are protected")
    if not arguments.selection:
        print("By the default plan, which no accuracy was measured for; --selection takes the workflow's.")
    return 0


def flip(arguments: argparse.Namespace) -> int:
    """Flip bits of FILE's tensors at random, in place, to see what protects them; the header stays as it is."""
    flips = flip_file(arguments.file, arguments.ber, arguments.seed)
    print(f"{arguments.file}: {flips:,} bits were flipped, at a bit error rate of {arguments.ber:g}")
    return 0


def inspect(arguments: argparse.Namespace) -> int:
    """Print how FILE is protected."""
    if _is_in_blocks(arguments.file):
        return long_commands.inspect(arguments.file)
    checkpoint = read_protected(arguments.file)
    size, added = Path(arguments.file).stat().st_size, checkpoint.added_bytes
    print(
        f"{arguments.file}: {len(checkpoint.words):,} values of {checkpoint.fmt.name} in {len(checkpoint.tensors)} "
        f"tensors and {len(checkpoint.scheme.groups)} groups"
    )
    for key, text in without_protection(checkpoint.file.metadata).items():
        print(f"{key}: {text[:200]}")
    share = f"{100 * added / (size - added):.3g} %"
    print(f"header {checkpoint.header_bytes:,} bytes; {added:,} bytes ({share}) more than the original\n")
    print_table(group_table(checkpoint.scheme))
    return 0


def verify(arguments: argparse.Namespace) -> int:
    """Count the flips in FILE; it stays as it is."""
    if _is_in_blocks(arguments.file):
        return long_commands.verify(arguments.file)
    checkpoint = read_protected(arguments.file)
    _, reports = repair_words(checkpoint.scheme, checkpoint.words, checkpoint.tensors)
    _print_counts(arguments.file, checkpoint, reports)
    return _print_beyond_repair(reports, "beyond repair")


def scrub(arguments: argparse.Namespace) -> int:
    """Undo the flips in FILE, in place; words or blocks beyond repair stay as they are."""
    if _is_in_blocks(arguments.file):
        return long_commands.scrub(arguments.file)
    checkpoint = read_protected(arguments.file)
    stored, reports = repair_words(checkpoint.scheme, checkpoint.words, checkpoint.tensors)
    is_hit = bool(checkpoint.protection.outvoted_bits) or any(report.corrected_bits for report in reports)
    if is_hit:
        write_repaired(arguments.file, checkpoint, stored)
    _print_counts(arguments.file, checkpoint, reports)
    print(f"{arguments.file} " + ("was repaired" if is_hit else "has nothing to repair and was left as it is"))
    return _print_beyond_repair(reports, "beyond repair, left as they are")


def restore(arguments: argparse.Namespace) -> int:
    """Write FILE as an ordinary checkpoint, its values as the layouts keep them, to --output."""
    output = _new_file(arguments, SUFFIXES)
    if _is_in_blocks(arguments.file):
        return long_commands.restore(arguments.file, output)
    checkpoint = read_protected(arguments.file)
    recovered = recover_words(checkpoint.scheme, checkpoint.words, checkpoint.tensors)
    write_restored(output, checkpoint, recovered.words)
    _print_counts(output, checkpoint, recovered.groups)
    _print_beyond_repair(recovered.groups, "beyond repair, replaced as the policy of their group says")
    return 0


def _parser() -> argparse.ArgumentParser:
    description, _, exit_codes = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(prog="sparebits", description=description, epilog=exit_codes)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (analyze, protect, flip, inspect, verify, scrub, restore):
        of_command = commands.add_parser(command.__name__, help=command.__doc__, description=command.__doc__)
        of_command.add_argument("file", metavar="FILE", help=f"a checkpoint: {', '.join(SUFFIXES)}")
        of_command.set_defaults(command=command)
        if command in (protect, restore):
            of_command.add_argument("--output", required=True, help="the file to write")
            of_command.add_argument("--force", action="store_true", help="overwrite the output if it exists")
        if command is flip:
            of_command.add_argument("--ber", type=float, required=True, help="bit error rate, in 0..1")
            of_command.add_argument("--seed", type=int, default=1, help="of the fault map")
        if command is protect:
            of_command.add_argument("--mode", choices=("word", *MODES), default="word", help=_MODE_HELP)
            of_command.add_argument("--selection", help="the workflow's choice, results/NETWORK/selection.json")
    return parser


def _is_in_blocks(path: str) -> bool:
    """Whether a protected file is stored in a code over many words."""
    metadata = read_tensors(path).metadata
    return _named(path, lambda: mode_of(metadata)) != "word"


def _protect_in_blocks(arguments: argparse.Namespace, output: Path) -> int:
    if arguments.selection:
        raise InputError(
            f"{arguments.selection} chooses codes of single words; --mode {arguments.mode} has a layout and a code of "
            "its own, so leave --selection out"
        )
    checkpoint = read_checkpoint(arguments.file)
    scheme = _named(
        arguments.file,
        lambda: fit_long_scheme(arguments.mode, checkpoint.tensors, checkpoint.words, checkpoint.fmt),
    )
    write_long(output, checkpoint, scheme)
    print(
        f"{output}: {len(checkpoint.words):,} values in {len(checkpoint.tensors)} tensors are protected, {scheme.title}"
    )
    return 0


def _new_file(arguments: argparse.Namespace, suffixes: Sequence[str]) -> Path:
    """The output, after a check that nothing is lost by writing it."""
    output = Path(arguments.output)
    if output.suffix not in suffixes:
        raise InputError(f"{output}: the output of this command ends in {' or '.join(suffixes)}")
    if output.exists():
        if output.samefile(arguments.file):
            raise InputError(f"{output} is the file itself; name another output")
        if not arguments.force:
            raise InputError(f"{output} exists; name another output, or add --force to overwrite it")
    return output


def _selected_plan(path: str) -> Plan:
    try:
        selection = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise InputError(f"{path} is not JSON; expected the workflow's results/NETWORK/selection.json") from None
    if not isinstance(selection, dict) or "plan" not in selection:
        raise InputError(f"{path} has no plan; expected the workflow's results/NETWORK/selection.json")
    return _named(path, lambda: plan_from_dict(selection["plan"]))


def _named(path: str, work: Callable):
    """The result of the work; an InputError gets the file's name in front."""
    try:
        return work()
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _print_counts(path: str | Path, checkpoint: ProtectedCheckpoint, reports: Sequence[GroupReport]) -> None:
    print(f"{path}: code words")
    counts = count_table(reports, checkpoint.tensors).rename(columns=lambda column: column.replace("_", " "))
    print_table(counts.map(lambda value: f"{value:,}" if isinstance(value, int) else value))
    if checkpoint.protection.outvoted_bits:
        print(f"{checkpoint.protection.outvoted_bits} bits of the records were corrected by their codes and copies")


def _print_beyond_repair(reports: Sequence[GroupReport], what: str) -> int:
    """List words beyond repair; the exit code that says whether there are some."""
    words = beyond_repair(reports)
    if not words:
        return 0
    print(f"{len(words):,} code words are {what}:")
    for name, index in words[:SHOWN]:
        print(f"  {name} [{index}]")
    if len(words) > SHOWN:
        print(f"  ... and {len(words) - SHOWN:,} more")
    return 1
