# Needs: the prepared network, the golden run, the thesis' choice. Makes: the scheme that protects best, and by it the protected
# checkpoint.


rule sweep_layouts:
    """What each word layout costs {wildcards.network} without faults."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        script="scripts/sweep_layouts.py",
        code=sources("scripts/sweep_layouts.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        engine="<results>/{network}/engine.json",
        golden="<results>/{network}/golden.csv",
    output:
        csv="<results>/{network}/layouts.csv",
    log:
        "<logs>/{network}/sweep_layouts.log",
    benchmark:
        "<logs>/{network}/sweep_layouts.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(720),
        gpu=GPUS,
    params:
        evaluation=evaluation_of,
        calibration=lambda wildcards: calibration_of(wildcards.network, "selection"),
    shell:
        "python -m scripts.sweep_layouts --network {input.network:q} --images {input.images:q} --labels {input.labels:q}"
        " {params.evaluation} --threads {threads} --golden {input.golden:q} {params.calibration}"
        " --output {output.csv:q} > {log:q} 2>&1"


rule sweep_failed_words:
    """What code words beyond repair cost {wildcards.network}."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        script="scripts/sweep_failed_words.py",
        code=sources("scripts/sweep_failed_words.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        engine="<results>/{network}/engine.json",
        golden="<results>/{network}/golden.csv",
    output:
        csv="<results>/{network}/failed_words.csv",
    log:
        "<logs>/{network}/sweep_failed_words.log",
    benchmark:
        "<logs>/{network}/sweep_failed_words.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(720),
        gpu=GPUS,
    params:
        evaluation=evaluation_of,
        calibration=lambda wildcards: calibration_of(wildcards.network, "selection"),
        ber=config["selection"]["ber"],
    shell:
        "python -m scripts.sweep_failed_words --network {input.network:q} --images {input.images:q}"
        " --labels {input.labels:q} {params.evaluation} --threads {threads} --golden {input.golden:q}"
        " {params.calibration} --ber {params.ber} --output {output.csv:q} > {log:q} 2>&1"


rule select_code:
    """The layouts and codes of {wildcards.network}: finalists measured, the best chosen, for a high and a low rate."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        script="scripts/select_code.py",
        code=sources("scripts/select_code.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        engine="<results>/{network}/engine.json",
        golden="<results>/{network}/golden.csv",
        layouts="<results>/{network}/layouts.csv",
        failed_words="<results>/{network}/failed_words.csv",
        combined="<results>/{network}/combined.csv",
    output:
        selection="<results>/{network}/selection.json",
        gentle="<results>/{network}/selection_gentle.json",
        finalists="<results>/{network}/finalists.csv",
        frontier="<results>/{network}/frontier.csv",
    log:
        "<logs>/{network}/select_code.log",
    benchmark:
        "<logs>/{network}/select_code.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(720),
        gpu=GPUS,
    params:
        evaluation=evaluation_of,
        calibration=lambda wildcards: calibration_of(wildcards.network, "selection"),
        selection=config["selection"],
    shell:
        "python -m scripts.select_code --network {input.network:q} --images {input.images:q} --labels {input.labels:q}"
        " {params.evaluation} --threads {threads} --golden {input.golden:q} {params.calibration}"
        " --layouts {input.layouts:q} --failed-words {input.failed_words:q} --combined {input.combined:q}"
        " --ber {params.selection[ber]} --tolerance-pp {params.selection[tolerance_pp]}"
        " --trials {params.selection[trials]} --gentle-ber {params.selection[gentle][ber]}"
        " --gentle-tolerance-pp {params.selection[gentle][tolerance_pp]} --selection {output.selection:q}"
        " --gentle {output.gentle:q} --finalists {output.finalists:q}"
        " --frontier {output.frontier:q} > {log:q} 2>&1"


rule protect_network:
    """The checkpoint of {wildcards.network} with check bits in its spare bits."""
    input:
        script="scripts/protect_network.py",
        code=sources("scripts/protect_network.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        selection="<results>/{network}/selection.json",
    output:
        checkpoint="<results>/{network}/protected.safetensors",
    log:
        "<logs>/{network}/protect_network.log",
    benchmark:
        "<logs>/{network}/protect_network.tsv"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
        gpu=0,
    shell:
        "python -m scripts.protect_network --network {input.network:q} --selection {input.selection:q}"
        " --output {output.checkpoint:q} > {log:q} 2>&1"
