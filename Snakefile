# sparebits: finds the spare bits of a network's parameters by experiment.
#
#   snakemake --cores all                                         the default experiment, config.yaml
#   snakemake --cores all --configfile config/cifar10.yaml        another one; nothing is merged
#   snakemake --cores all studies                                 answers to the research notes' questions

if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


# Where jobs run in containers: an image into which requirements.lock installs as it is.
container: "docker://python:3.11-bookworm"


include: "rules/common.smk"


pathvars:
    images=str(OUTPUT / "images"),
    results=str(OUTPUT / "results"),
    summary=str(OUTPUT / "summary"),
    reports=str(OUTPUT / "reports"),
    logs=str(OUTPUT / "logs"),
    retrained=str(OUTPUT / "retrained"),


include: "rules/prepare.smk"
include: "rules/engine.smk"
include: "rules/golden.smk"
include: "rules/census.smk"
include: "rules/sweeps.smk"
include: "rules/split_sweep.smk"
include: "rules/spare_bits.smk"
include: "rules/protection.smk"
include: "rules/campaign.smk"
include: "rules/restoration.smk"
include: "rules/summary.smk"
include: "rules/published.smk"
include: "rules/report.smk"
include: "rules/studies.smk"
include: "rules/train.smk"


rule all:
    """The whole experiment: results of every network, the summary and the report."""
    default_target: True
    input:
        expand("<results>/{network}/{table}.csv", network=NETWORKS, table=TABLES),
        expand("<results>/{network}/predictions.npz", network=NETWORKS),
        expand("<results>/{network}/protected.safetensors", network=NETWORKS),
        "<summary>/metrics.json",
        "<summary>/sweeps.csv",
        "<summary>/campaign.csv",
        "<summary>/block_failures.csv",
        "<summary>/inner_words.csv",
        "<summary>/params.yaml",
        "<summary>/provenance.json",
        "<reports>/report.html",
        "<reports>/figures",
        expand("<results>/{network}/published.csv", network=PUBLISHED),


rule campaign_full:
    """All schemes with as many trials as claims take, what their parts contribute, and the report of it."""
    input:
        expand(
            "<results>/{network}/{table}_full.csv",
            network=NETWORKS,
            table=["campaign", "word_counts", "comparison", "ablation", "restoration"],
        ),
        "<summary>/campaign_full.csv",
        "<summary>/block_failures_full.csv",
        "<summary>/inner_words_full.csv",
        "<summary>/goals.csv",
        "<summary>/large_networks.csv",
        "<reports>/report_full.html",


rule census:
    """What needs only weights, no images: bits, exponents, groups, free bits, what rounding would modify."""
    input:
        expand("<results>/{network}/{table}.csv", network=NETWORKS, table=CENSUS),
        expand("<results>/{network}/published_weights.csv", network=PUBLISHED),


rule audit:
    """What does not agree in the thesis' published tables, on the screen: no networks, no images."""
    input:
        "<summary>/audit.txt",
    log:
        "<logs>/audit.log",
    localrule: True
    shell:
        "tee {log:q} < {input:q}"
