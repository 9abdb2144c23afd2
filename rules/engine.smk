# Needs: prepared images and network. Makes: how the network is run over images from here on.


rule decide_engine:
    """The fastest way of running {wildcards.network} that predicts the same as plain torch."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        script="scripts/decide_engine.py",
        code=sources("scripts/decide_engine.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
    output:
        engine="<results>/{network}/engine.json",
    log:
        "<logs>/{network}/decide_engine.log",
    benchmark:
        "<logs>/{network}/decide_engine.tsv"
    priority: 100
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
        gpu=GPUS,
    params:
        images=images_options,
        workload=lambda wildcards: workload_of(wildcards.network),
        memory_mb=config["evaluation"]["memory_mb"],
    shell:
        "python -m scripts.decide_engine --network {input.network:q} --images {input.images:q} --labels {input.labels:q}"
        " {params.images} --threads {threads} {params.workload} --memory-mb {params.memory_mb}"
        " --output {output.engine:q} > {log:q} 2>&1"
