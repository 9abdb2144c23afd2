# Needs: the chosen scheme and the thesis'. Makes: accuracy of protected and unprotected networks under injected faults.


rule inject_faults:
    """{wildcards.network} protected and unprotected, under the same fault maps."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        script="scripts/inject_faults.py",
        code=sources("scripts/inject_faults.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        golden="<results>/{network}/golden.csv",
        selection="<results>/{network}/selection.json",
        combined="<results>/{network}/combined.csv",
    output:
        csv="<results>/{network}/campaign.csv",
    log:
        "<logs>/{network}/inject_faults.log",
    benchmark:
        "<logs>/{network}/inject_faults.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=4000,
        runtime=2880,
    params:
        evaluation=evaluation_of,
        calibration=lambda wildcards: calibration_of(wildcards.network, "campaign"),
        bers=config["campaign"]["bers"],
        trials=config["campaign"]["trials"],
    shell:
        "python -m scripts.inject_faults --network {input.network:q} --images {input.images:q} --labels {input.labels:q}"
        " {params.evaluation} --threads {threads} --golden {input.golden:q} {params.calibration}"
        " --selection {input.selection:q} --combined {input.combined:q} --bers {params.bers}"
        " --trials {params.trials} --output {output.csv:q} > {log:q} 2>&1"
