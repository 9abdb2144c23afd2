"""What the scripts of campaigns across schemes have in common: options, the setup of a journal, and scheme settings."""

import argparse
import json
from pathlib import Path

import pandas as pd

from sparebits.campaign.setup import setup_of
from sparebits.choices import thesis_choice
from sparebits.evaluation import Evaluator
from sparebits.evaluation_options import calibration_images
from sparebits.protection.plan import Plan, plan_from_dict
from sparebits.schemes.range_restriction import calibrate
from sparebits.schemes.registry import Settings

FILES = ("network", "labels", "golden", "engine", "selection", "gentle", "combined")
OPTIONS = ("calibration", "limit", "seed", "bers", "trials", "mean", "std", "device")
CLIPPING_IMAGES = 1000
"""Of the calibration images, at most: bounds of activations are theirs."""


def add_campaign_options(parser: argparse.ArgumentParser) -> None:
    """Add what is known of the schemes, and how often they are hit."""
    parser.add_argument("--selection", required=True, help="selection.json")
    parser.add_argument("--gentle", required=True, help="selection_gentle.json")
    parser.add_argument("--combined", required=True, help="combined.csv, for the thesis' choice")
    parser.add_argument("--bers", type=float, nargs="+", required=True, help="bit error rates")
    parser.add_argument("--trials", type=int, required=True, help="fault maps at each")
    parser.add_argument("--output", required=True, help="table of the trials (.csv)")


def campaign_setup(script: str, arguments: argparse.Namespace, own: dict) -> dict:
    """What the trials of a campaign depend on, for its journal."""
    options = {name: getattr(arguments, name) for name in OPTIONS}
    return setup_of(script, {name: getattr(arguments, name) for name in FILES}, {**options, **own})


def read_settings(arguments: argparse.Namespace, evaluator: Evaluator, clips: bool = True) -> Settings:
    """The settings of the schemes.

    Args:
        clips: whether bounds of activations are wanted, which takes a golden run over calibration images.
    """
    return Settings(
        plan=read_plan(arguments.selection),
        choice=thesis_choice(pd.read_csv(arguments.combined)),
        bounds=calibrate(evaluator, calibration_images(arguments, evaluator, CLIPPING_IMAGES)) if clips else None,
        gentle=read_plan(arguments.gentle),
    )


def read_plan(selection: str) -> Plan:
    """The plan of a selection.json."""
    return plan_from_dict(json.loads(Path(selection).read_text(encoding="utf-8"))["plan"])
