# Needs: prepared images and network. Makes: the golden run, against which everything is compared.


rule run_golden:
    """Predictions of {wildcards.network} with untouched parameters."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        script="scripts/run_golden.py",
        code=sources("scripts/run_golden.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        engine="<results>/{network}/engine.json",
    output:
        csv="<results>/{network}/golden.csv",
        predictions="<results>/{network}/predictions/golden.npz",
    log:
        "<logs>/{network}/run_golden.log",
    benchmark:
        "<logs>/{network}/run_golden.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
        gpu=GPUS,
    params:
        evaluation=evaluation_of,
    shell:
        "python -m scripts.run_golden --network {input.network:q} --images {input.images:q} --labels {input.labels:q}"
        " {params.evaluation} --threads {threads} --predictions {output.predictions:q} --output {output.csv:q}"
        " > {log:q} 2>&1"
