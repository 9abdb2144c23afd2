# Needs: the golden run, the chosen schemes and the thesis' choice. Makes: what single faults do to the unprotected network,
# accuracy under all schemes by many faults and by attacks, and what schemes cost.


rule inject_single_faults:
    """{wildcards.network} under one fault at a time: which are masked, which are critical."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        script="scripts/inject_single_faults.py",
        code=sources("scripts/inject_single_faults.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        engine="<results>/{network}/engine.json",
        golden="<results>/{network}/golden.csv",
    output:
        csv="<results>/{network}/faults.csv",
    log:
        "<logs>/{network}/inject_single_faults.log",
    benchmark:
        "<logs>/{network}/inject_single_faults.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(2880),
        gpu=GPUS,
    params:
        evaluation=evaluation_of,
        limit=limit_of("faults"),
        seed=config["seed"],
        injections=json.dumps(config["faults"]["injections"], sort_keys=True),
        tolerance_pp=config["tolerance_pp"],
        memory_mb=config["evaluation"]["memory_mb"],
    shell:
        "python -m scripts.inject_single_faults --network {input.network:q} --images {input.images:q}"
        " --labels {input.labels:q} {params.evaluation} --threads {threads} --golden {input.golden:q} {params.limit}"
        " --seed {params.seed} --injections {params.injections:q} --tolerance-pp {params.tolerance_pp}"
        " --memory-mb {params.memory_mb} --output {output.csv:q} > {log:q} 2>&1"


rule inject_faults:
    """{wildcards.network} under all schemes, the same fault maps for each."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        unpack(chosen_for),
        script="scripts/inject_faults.py",
        code=sources("scripts/inject_faults.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
    output:
        csv="<results>/{network}/campaign{extent}.csv",
        word_counts="<results>/{network}/word_counts{extent}.csv",
    log:
        "<logs>/{network}/inject_faults{extent}.log",
    benchmark:
        "<logs>/{network}/inject_faults{extent}.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(2880),
        gpu=GPUS,
    params:
        evaluation=evaluation_of,
        calibration=lambda wildcards: calibration_of(wildcards.network, f"campaign{wildcards.extent}"),
        campaign=lambda wildcards: campaign_of(wildcards.extent),
        faults=lambda wildcards: json.dumps(config[f"campaign{wildcards.extent}"]["faults"], sort_keys=True),
        gentle_ber=config["selection"]["gentle"]["ber"],
    shell:
        "python -m scripts.inject_faults --network {input.network:q} --images {input.images:q} --labels {input.labels:q}"
        " {params.evaluation} --threads {threads} --golden {input.golden:q} {params.calibration}"
        " --selection {input.selection:q} --gentle {input.gentle:q} --combined {input.combined:q} {params.campaign}"
        " --faults {params.faults:q} --gentle-ber {params.gentle_ber} --word-counts {output.word_counts:q} --output {output.csv:q} > {log:q} 2>&1"


rule ablate_protection:
    """What layout, code and policy each do for {wildcards.network}."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        unpack(chosen_for),
        script="scripts/ablate_protection.py",
        code=sources("scripts/ablate_protection.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
    output:
        csv="<results>/{network}/ablation{extent}.csv",
    log:
        "<logs>/{network}/ablate_protection{extent}.log",
    benchmark:
        "<logs>/{network}/ablate_protection{extent}.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(2880),
        gpu=GPUS,
    params:
        evaluation=evaluation_of,
        calibration=lambda wildcards: calibration_of(wildcards.network, f"campaign{wildcards.extent}"),
        ablation=lambda wildcards: config[f"campaign{wildcards.extent}"]["ablation"],
    shell:
        "python -m scripts.ablate_protection --network {input.network:q} --images {input.images:q}"
        " --labels {input.labels:q} {params.evaluation} --threads {threads} --golden {input.golden:q}"
        " {params.calibration} --selection {input.selection:q} --gentle {input.gentle:q} --combined {input.combined:q}"
        " --bers {params.ablation[bers]} --trials {params.ablation[trials]} --output {output.csv:q} > {log:q} 2>&1"


rule attack_network:
    """How many chosen flips bring {wildcards.network} to chance, scheme by scheme."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        unpack(chosen_for),
        script="scripts/attack_network.py",
        code=sources("scripts/attack_network.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
    output:
        csv="<results>/{network}/attack.csv",
    log:
        "<logs>/{network}/attack_network.log",
    benchmark:
        "<logs>/{network}/attack_network.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(2880),
        gpu=GPUS,
    params:
        evaluation=evaluation_of,
        calibration=lambda wildcards: calibration_of(wildcards.network, "attack"),
        attack=config["attack"],
    shell:
        "python -m scripts.attack_network --network {input.network:q} --images {input.images:q}"
        " --labels {input.labels:q} {params.evaluation} --threads {threads} --golden {input.golden:q}"
        " {params.calibration} --selection {input.selection:q} --gentle {input.gentle:q} --combined {input.combined:q}"
        " --seeds {params.attack[seeds]} --flips {params.attack[flips]} --output {output.csv:q} > {log:q} 2>&1"


rule count_costs:
    """Memory, gates and operations of each scheme on {wildcards.network}."""
    input:
        script="scripts/count_costs.py",
        code=sources("scripts/count_costs.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        selection="<results>/{network}/selection.json",
        gentle="<results>/{network}/selection_gentle.json",
        combined="<results>/{network}/combined.csv",
    output:
        csv="<results>/{network}/costs.csv",
    log:
        "<logs>/{network}/count_costs.log",
    benchmark:
        "<logs>/{network}/count_costs.tsv"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
        gpu=0,
    params:
        ber=config["selection"]["gentle"]["ber"],
    shell:
        "python -m scripts.count_costs --network {input.network:q} --selection {input.selection:q}"
        " --gentle {input.gentle:q} --combined {input.combined:q} --ber {params.ber} --output {output.csv:q}"
        " > {log:q} 2>&1"


rule compare_schemes:
    """The chosen scheme of {wildcards.network} against the others, paired by fault map."""
    input:
        script="scripts/compare_schemes.py",
        code=sources("scripts/compare_schemes.py"),
        campaign="<results>/{network}/campaign{extent}.csv",
    output:
        csv="<results>/{network}/comparison{extent}.csv",
    log:
        "<logs>/{network}/compare_schemes{extent}.log",
    benchmark:
        "<logs>/{network}/compare_schemes{extent}.tsv"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    params:
        seed=config["seed"],
    shell:
        "python -m scripts.compare_schemes --campaign {input.campaign:q} --seed {params.seed} --output {output.csv:q}"
        " > {log:q} 2>&1"
