# Needs: the golden run. Makes: the sweep of low bits, split into lsb.jobs jobs a network; as sweep_lsb in sweeps.smk makes it.

if config["lsb"]["jobs"] > 1:

    ruleorder: gather_lsb > sweep_lsb

else:

    ruleorder: sweep_lsb > gather_lsb


rule sweep_lsb_part:
    """Predictions of {wildcards.network} with low bits altered, share {wildcards.part} of the variants."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        script="scripts/sweep_lsb_part.py",
        code=sources("scripts/sweep_lsb_part.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        engine="<results>/{network}/engine.json",
    output:
        predictions="<results>/{network}/predictions/lsb-{part}-of-{parts}.npz",
    log:
        "<logs>/{network}/sweep_lsb_part-{part}-of-{parts}.log",
    benchmark:
        "<logs>/{network}/sweep_lsb_part-{part}-of-{parts}.tsv"
    wildcard_constraints:
        part=r"\d+",
        parts=r"\d+",
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(2880),
        gpu=GPUS,
    params:
        evaluation=evaluation_of,
        sample=sample_of("lsb"),
        bits=lambda wildcards: bits_to_sweep(config, wildcards.network),
        fill_seed=config["seed"],
    shell:
        "python -m scripts.sweep_lsb_part --network {input.network:q} --images {input.images:q}"
        " --labels {input.labels:q} {params.evaluation} {params.sample} --threads {threads} --bits {params.bits}"
        " --fill-seed {params.fill_seed} --part {wildcards.part} --parts {wildcards.parts}"
        " --predictions {output.predictions:q} > {log:q} 2>&1"


rule gather_lsb:
    """Accuracy of {wildcards.network} as ever more low bits are altered, from all shares."""
    input:
        script="scripts/gather_lsb.py",
        code=sources("scripts/gather_lsb.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        golden="<results>/{network}/golden.csv",
        parts=expand(
            "<results>/{{network}}/predictions/lsb-{part}-of-{parts}.npz",
            part=range(config["lsb"]["jobs"]),
            parts=config["lsb"]["jobs"],
        ),
    output:
        csv="<results>/{network}/lsb.csv",
        predictions="<results>/{network}/predictions/lsb.npz",
    log:
        "<logs>/{network}/gather_lsb.log",
    benchmark:
        "<logs>/{network}/gather_lsb.tsv"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
        gpu=0,
    params:
        bits=lambda wildcards: bits_to_sweep(config, wildcards.network),
        fill_seed=config["seed"],
    shell:
        "python -m scripts.gather_lsb --network {input.network:q} --golden {input.golden:q} --parts {input.parts:q}"
        " --bits {params.bits} --fill-seed {params.fill_seed} --predictions {output.predictions:q}"
        " --output {output.csv:q} > {log:q} 2>&1"
