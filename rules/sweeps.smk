# Needs: the golden run. Makes: accuracy under altered low bits, rounded exponents, and both.


rule sweep_lsb:
    """Accuracy of {wildcards.network} as ever more low bits are altered."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        script="scripts/sweep_lsb.py",
        code=sources("scripts/sweep_lsb.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        engine="<results>/{network}/engine.json",
        golden="<results>/{network}/golden.csv",
    output:
        csv="<results>/{network}/lsb.csv",
        predictions="<results>/{network}/predictions/lsb.npz",
    log:
        "<logs>/{network}/sweep_lsb.log",
    benchmark:
        "<logs>/{network}/sweep_lsb.tsv"
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
        "python -m scripts.sweep_lsb --network {input.network:q} --images {input.images:q} --labels {input.labels:q}"
        " {params.evaluation} {params.sample} --threads {threads} --golden {input.golden:q} --bits {params.bits}"
        " --fill-seed {params.fill_seed}"
        " --predictions {output.predictions:q} --output {output.csv:q} > {log:q} 2>&1"


rule round_exponents:
    """Accuracy of {wildcards.network} with exponents rounded up to each floor."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        script="scripts/round_exponents.py",
        code=sources("scripts/round_exponents.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        engine="<results>/{network}/engine.json",
        golden="<results>/{network}/golden.csv",
    output:
        csv="<results>/{network}/rounding.csv",
        predictions="<results>/{network}/predictions/rounding.npz",
    log:
        "<logs>/{network}/round_exponents.log",
    benchmark:
        "<logs>/{network}/round_exponents.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
        gpu=GPUS,
    params:
        evaluation=evaluation_of,
        sample=sample_of("rounding"),
    shell:
        "python -m scripts.round_exponents --network {input.network:q} --images {input.images:q}"
        " --labels {input.labels:q} {params.evaluation} {params.sample} --threads {threads} --golden {input.golden:q}"
        " --predictions {output.predictions:q} --output {output.csv:q} > {log:q} 2>&1"


rule combine:
    """Accuracy of {wildcards.network} with rounding and alteration together, and the pair that frees most bits."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        script="scripts/combine.py",
        code=sources("scripts/combine.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        engine="<results>/{network}/engine.json",
        golden="<results>/{network}/golden.csv",
        lsb="<results>/{network}/lsb.csv",
        rounding="<results>/{network}/rounding.csv",
        tensors="<results>/{network}/tensors.csv",
    output:
        csv="<results>/{network}/combined.csv",
        predictions="<results>/{network}/predictions/combined.npz",
    log:
        "<logs>/{network}/combine.log",
    benchmark:
        "<logs>/{network}/combine.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(720),
        gpu=GPUS,
    params:
        evaluation=evaluation_of,
        sample=sample_of("combined"),
        tolerance_pp=config["tolerance_pp"],
    shell:
        "python -m scripts.combine --network {input.network:q} --images {input.images:q} --labels {input.labels:q}"
        " {params.evaluation} {params.sample} --threads {threads} --golden {input.golden:q} --lsb {input.lsb:q}"
        " --rounding {input.rounding:q} --tensors {input.tensors:q} --tolerance-pp {params.tolerance_pp}"
        " --predictions {output.predictions:q} --output {output.csv:q} > {log:q} 2>&1"


rule gather_predictions:
    """Predicted classes of every variant of {wildcards.network}, in one file."""
    input:
        script="scripts/gather_predictions.py",
        code=sources("scripts/gather_predictions.py"),
        parts=expand("<results>/{{network}}/predictions/{stage}.npz", stage=["golden", "lsb", "rounding", "combined"]),
    output:
        npz="<results>/{network}/predictions.npz",
    log:
        "<logs>/{network}/gather_predictions.log",
    benchmark:
        "<logs>/{network}/gather_predictions.tsv"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    shell:
        "python -m scripts.gather_predictions --parts {input.parts:q} --output {output.npz:q} > {log:q} 2>&1"
