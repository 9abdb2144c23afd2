"""Attack every scheme by chosen bit flips, and measure how many bring the network to chance."""

import argparse

import pandas as pd

from sparebits.attack.attacks import run_attacks
from sparebits.campaign.journal import Journal
from sparebits.campaign.options import add_scheme_options, read_settings, scheme_setup
from sparebits.commandline import run
from sparebits.evaluation_options import calibration_images, open_evaluator, other_images, protection_parser
from sparebits.files import write_table
from sparebits.schemes.registry import build_schemes
