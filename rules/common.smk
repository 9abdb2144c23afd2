# Needs: the config. Makes: its resolved form and the helpers that other rules use as input and params functions.

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

from snakemake_interface_executor_plugins.settings import ExecMode

sys.path.insert(0, str(workflow.basedir))

from sparebits import fingerprints
from sparebits.config import bits_to_sweep, is_weights_file, resolve_config, with_study_networks
from sparebits.errors import InputError
from sparebits.kernel_cache import remove_truncated
from sparebits.locking import hold_lock
from sparebits.published.networks import IMAGE_TABLES, WEIGHT_TABLES, has_published_architecture
from sparebits.sources import sources
from sparebits.studies.tables import STUDY_TABLES
from sparebits.transforms import geometry_of, transform_of

# The folder in which an architecture's Python file is looked for, that of the config; relative where it lies below the
# working directory, so that a project gives the same results wherever it is.
CONFIG_FOLDER = Path((workflow.overwrite_configfiles or ["config.yaml"])[-1]).resolve().parent
if CONFIG_FOLDER.is_relative_to(Path.cwd()):
    CONFIG_FOLDER = CONFIG_FOLDER.relative_to(Path.cwd())
CONFIG_FOLDER = str(CONFIG_FOLDER)

try:
    config = resolve_config(config)
    # What helpers look networks up in; the experiment itself has those of the studies left out.
    EVERYTHING = with_study_networks(config)
    GEOMETRIES = {network: geometry_of(EVERYTHING, network) for network in EVERYTHING["networks"]}
    if workflow.exec_mode == ExecMode.DEFAULT:
        # Before anything is built on a result that is not what its rule wrote; --touch takes all of them as they are.
        if {"-t", "--touch"} & {*sys.argv}:
            fingerprints.renew()
        fingerprints.require_unchanged()
except InputError as error:
    sys.exit(f"error: {error}")

NETWORKS = list(config["networks"])
STUDY_NETWORKS = list(EVERYTHING["networks"])
OUTPUT = Path(config["output"])
# What a job that runs a network over images asks for.
GPUS = int(config["evaluation"]["device"].startswith("cuda"))
# All kinds together in four modes, and each of up to five kinds alone.
LSB_VARIANTS_A_BIT = 9
PROTECTION = [
    *[
        "layouts",
        "failed_words",
        "finalists",
        "frontier",
        "faults",
        "campaign",
        "word_counts",
        "comparison",
        "ablation",
    ],
    *["attack", "costs", "restoration"],
]
CENSUS = ["bits", "exponents", "tensors", "modified", "free_bits"]
TABLES = ["golden", *CENSUS, "lsb", "rounding", "combined", "bit_classes", "ecc", *PROTECTION]


wildcard_constraints:
    network="|".join(map(re.escape, STUDY_NETWORKS)),
    dataset="|".join(map(re.escape, config["datasets"])),
    extent="|_full",


onstart:
    from sparebits.files import remove_unfinished

    try:
        hold_lock(OUTPUT / "logs" / ".lock")
        for part in ("images", "results", "summary", "reports", "retrained"):
            remove_unfinished(OUTPUT / part)
        remove_truncated(Path(workflow.basedir) / "sparebits")
    except InputError as error:
        sys.exit(f"error: {error}")
    check = ["--config", json.dumps(EVERYTHING), "--folder", CONFIG_FOLDER, "--images", str(OUTPUT / "images")]
    check += needed_by(list(workflow.dag.needrun_jobs()))
    check += [] if workflow.local_exec else ["--elsewhere"]
    if subprocess.run([sys.executable, "-m", "scripts.check_inputs", *check]).returncode:
        sys.exit("nothing was run")


def needed_by(jobs):
    """Options that say which networks and data sets jobs need, as what none needs may be missing."""
    networks = {job.wildcards.network for job in jobs if "network" in job.wildcards.keys()}
    evaluated = {
        job.wildcards.network for job in jobs if "network" in job.wildcards.keys() and "images" in job.input.keys()
    }
    datasets = {job.wildcards.dataset for job in jobs if "dataset" in job.wildcards.keys()}
    return ["--networks", *sorted(networks), "--evaluated", *sorted(evaluated), "--datasets", *sorted(datasets)]


def growing(amount):
    """A resource that doubles whenever a job is tried again, after its limit ended it: minutes, MB."""
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)


def images_of(network):
    """The prepared pixels and labels of a network's data set."""
    dataset = EVERYTHING["networks"][network]["dataset"]
    folder = f"<images>/{dataset}/{GEOMETRIES[network].slug}"
    return {"images": f"{folder}/images.npy", "labels": f"{folder}/labels.csv"}


def images_options(wildcards):
    """Options of a script that runs a network over images, other than its files."""
    transform = transform_of(EVERYTHING, wildcards.network)
    mean, std = (" ".join(map(str, transform[key])) for key in ("mean", "std"))
    return f"--mean {mean} --std {std} --device {config['evaluation']['device']}"


def evaluation_of(wildcards, input):
    """Options of a script that evaluates a network by its engine, other than its files."""
    return f"--engine {shlex.quote(input.engine)} {images_options(wildcards)}"


def workload_of(network):
    """Options that say how often the longest stage, the sweep of low bits, runs the network, and on how many images."""
    variants = LSB_VARIANTS_A_BIT * len(bits_to_sweep(EVERYTHING, network))
    limit, batch_size = config["lsb"]["limit"], config["evaluation"]["batch_size"]
    options = f"--variants {variants}" + (f" --limit {limit}" if limit else "")
    return options + (f" --batch-size {batch_size}" if batch_size else "")


def settings_of(stage):
    """The section of a stage; "studies.formats" is a section of a section."""
    section = config
    for key in stage.split("."):
        section = section[key]
    return section


def sample_of(stage):
    """Options of a stage that may use a sample of the images; without a limit the seed plays no part."""
    limit = settings_of(stage)["limit"]
    return f"--limit {limit} --seed {config['seed']}" if limit else ""


def limit_of(stage):
    """The option that bounds a stage's images, for scripts that need a seed whether there is one or not."""
    limit = settings_of(stage)["limit"]
    return f"--limit {limit}" if limit else ""


def calibration_of(network, stage):
    """Options that split a network's images into those that choices are made on and the others, of a stage's sample."""
    share = config["datasets"][EVERYTHING["networks"][network]["dataset"]]["calibration"]
    limit = settings_of(stage)["limit"]
    return f"--calibration {share} --seed {config['seed']}" + (f" --limit {limit}" if limit else "")


def chosen_for(wildcards):
    """What a campaign needs to know of a network: its golden run, and what was chosen for it."""
    folder = f"<results>/{wildcards.network}"
    return {
        "network": f"{folder}/network.safetensors",
        "engine": f"{folder}/engine.json",
        "golden": f"{folder}/golden.csv",
        "selection": f"{folder}/selection.json",
        "gentle": f"{folder}/selection_gentle.json",
        "combined": f"{folder}/combined.csv",
    }


def campaign_of(extent):
    """Options of a campaign across schemes, the short one ("") or the full one ("_full")."""
    campaign = config[f"campaign{extent}"]
    bers, trials, claim_trials = " ".join(map(str, campaign["bers"])), campaign["trials"], campaign["claim_trials"]
    options = f"--bers {bers} --trials {trials} --claim-trials {claim_trials}"
    return options + (" --every-policy" if campaign["every_policy"] else "")


def restoration_of(extent, *keys):
    """The settings of these names about codes over many words, so that the others play no part."""
    settings = config[f"campaign{extent}"]["restoration"]
    return {key: settings[key] for key in keys}


def networks_of(study):
    """The networks that a study is about; activations are compared over further ones."""
    return STUDY_NETWORKS if study == "positions" else NETWORKS


def architecture_sources(network):
    """The Python files of this project or beside the config that a network's architecture is written in."""
    source = EVERYTHING["networks"][network]["architecture"].partition(":")[0].replace(".", "/")
    files = [Path(folder) / f"{source}.py" for folder in dict.fromkeys((CONFIG_FOLDER, "."))]
    return [
        part for file in files if file.is_file() for part in (str(file), *sources(file, file.parent), *sources(file))
    ]


def local_weights(network):
    """The weights file of a network as an input, or none where torchvision brings them.

    A file that is not there is none either: `onstart` tells all that is missing, where Snakemake would tell only this.
    """
    weights = EVERYTHING["networks"][network]["weights"]
    return [weights] if is_weights_file(weights) and Path(weights).is_file() else []
