# Needs: what was chosen for a network and its campaign. Makes: which words and how much accuracy codes over many words
# restore, and how often their blocks fail.


rule restore_words:
    """{wildcards.network} in codes over many words, the same fault maps as in its campaign."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        unpack(chosen_for),
        script="scripts/restore_words.py",
        code=sources("scripts/restore_words.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        campaign="<results>/{network}/campaign{extent}.csv",
    output:
        csv="<results>/{network}/restoration{extent}.csv",
    log:
        "<logs>/{network}/restore_words{extent}.log",
    benchmark:
        "<logs>/{network}/restore_words{extent}.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(2880),
        gpu=GPUS,
    params:
        evaluation=evaluation_of,
        calibration=lambda wildcards: calibration_of(wildcards.network, f"campaign{wildcards.extent}"),
        restoration=lambda wildcards: restoration_of(wildcards.extent, "bers", "trials", "claim_trials"),
    shell:
        "python -m scripts.restore_words --network {input.network:q} --images {input.images:q} --labels {input.labels:q}"
        " {params.evaluation} --threads {threads} --golden {input.golden:q} {params.calibration}"
        " --selection {input.selection:q} --gentle {input.gentle:q} --combined {input.combined:q}"
        " --campaign {input.campaign:q} --bers {params.restoration[bers]} --trials {params.restoration[trials]}"
        " --claim-trials {params.restoration[claim_trials]} --output {output.csv:q} > {log:q} 2>&1"


rule measure_block_failures:
    """How often blocks of random data fail, whatever the network."""
    input:
        script="scripts/measure_block_failures.py",
        code=sources("scripts/measure_block_failures.py"),
    output:
        blocks="<summary>/block_failures{extent}.csv",
        inner="<summary>/inner_words{extent}.csv",
    log:
        "<logs>/measure_block_failures{extent}.log",
    benchmark:
        "<logs>/measure_block_failures{extent}.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(2000),
        runtime=growing(2880),
        gpu=0,
    params:
        restoration=lambda wildcards: restoration_of(wildcards.extent, "block_bers", "words", "claim_words"),
        seed=config["seed"],
    shell:
        "python -m scripts.measure_block_failures --bers {params.restoration[block_bers]} --words {params.restoration[words]}"
        " --claim-words {params.restoration[claim_words]} --seed {params.seed} --threads {threads}"
        " --blocks {output.blocks:q} --inner {output.inner:q} > {log:q} 2>&1"
