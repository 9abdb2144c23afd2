# Needs: golden runs, choices and single faults. Makes: an answer to each question of the research notes, on one page.


rule studies:
    """The questions of the research notes, each with an answer."""
    input:
        "<reports>/studies.html",
        "<reports>/figures_studies",
        "<summary>/studies.csv",


rule study_batch_sizes:
    """Does the mini-batch size change how often flipped bits make {wildcards.network} fail?"""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        script="scripts/study_batch_sizes.py",
        code=sources("scripts/study_batch_sizes.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        engine="<results>/{network}/engine.json",
    output:
        csv="<results>/{network}/study_batch_sizes.csv",
        others=expand("<results>/{{network}}/study_batch_sizes_{part}.csv", part=["faults", "held", "trend"]),
    log:
        "<logs>/{network}/study_batch_sizes.log",
    benchmark:
        "<logs>/{network}/study_batch_sizes.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(2880),
        gpu=GPUS,
    params:
        evaluation=evaluation_of,
        study=config["studies"]["batch_sizes"],
        compared=sorted(config["studies"]["batch_sizes"]["compared"]),
        seed=config["seed"],
        memory_mb=config["evaluation"]["memory_mb"],
    shell:
        "python -m scripts.study_batch_sizes --network {input.network:q} --images {input.images:q}"
        " --labels {input.labels:q} {params.evaluation} --threads {threads} --study-images {params.study[images]}"
        " --faults {params.study[faults]} --mantissa-faults {params.study[mantissa_faults]}"
        " --compared {params.compared} --runs {params.study[runs]} --seed {params.seed}"
        " --memory-mb {params.memory_mb} --output {output.csv:q} > {log:q} 2>&1"


rule study_faults:
    """Single faults in all places of {wildcards.network}, and changes of its values by chosen sizes."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        script="scripts/study_faults.py",
        code=sources("scripts/study_faults.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        engine="<results>/{network}/engine.json",
        golden="<results>/{network}/golden.csv",
    output:
        csv="<results>/{network}/study_faults.csv",
        changes="<results>/{network}/study_changes.csv",
    log:
        "<logs>/{network}/study_faults.log",
    benchmark:
        "<logs>/{network}/study_faults.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(2880),
        gpu=GPUS,
    params:
        evaluation=evaluation_of,
        limit=limit_of("studies.single_faults"),
        counts=json.dumps({key: count for key, count in config["studies"]["single_faults"].items() if key != "limit"}),
        seed=config["seed"],
        tolerance_pp=config["tolerance_pp"],
        memory_mb=config["evaluation"]["memory_mb"],
    shell:
        "python -m scripts.study_faults --network {input.network:q} --images {input.images:q}"
        " --labels {input.labels:q} {params.evaluation} --threads {threads} --golden {input.golden:q} {params.limit}"
        " --seed {params.seed} --counts {params.counts:q} --tolerance-pp {params.tolerance_pp}"
        " --memory-mb {params.memory_mb} --changes {output.changes:q} --output {output.csv:q} > {log:q} 2>&1"


rule study_layers:
    """Is a type of layer, or a place in {wildcards.network}, more fragile than others?"""
    input:
        script="scripts/study_layers.py",
        code=sources("scripts/study_layers.py"),
        faults="<results>/{network}/study_faults.csv",
        tensors="<results>/{network}/tensors.csv",
    output:
        csv="<results>/{network}/study_layers.csv",
        comparisons="<results>/{network}/study_layers_comparisons.csv",
    log:
        "<logs>/{network}/study_layers.log",
    benchmark:
        "<logs>/{network}/study_layers.tsv"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
        gpu=0,
    params:
        seed=config["seed"],
        tolerance_pp=config["tolerance_pp"],
    shell:
        "python -m scripts.study_layers --faults {input.faults:q} --tensors {input.tensors:q} --seed {params.seed}"
        " --tolerance-pp {params.tolerance_pp} --comparisons {output.comparisons:q} --output {output.csv:q}"
        " > {log:q} 2>&1"


rule study_positions:
    """Is it the bit that is hit or the size of the change that decides what it does to {wildcards.network}?"""
    input:
        script="scripts/study_positions.py",
        code=sources("scripts/study_positions.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        faults="<results>/{network}/study_faults.csv",
        changes="<results>/{network}/study_changes.csv",
    output:
        csv="<results>/{network}/study_positions.csv",
        curves="<results>/{network}/study_positions_curves.csv",
        tests="<results>/{network}/study_positions_tests.csv",
    log:
        "<logs>/{network}/study_positions.log",
    benchmark:
        "<logs>/{network}/study_positions.tsv"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
        gpu=0,
    params:
        seed=config["seed"],
        tolerance_pp=config["tolerance_pp"],
    shell:
        "python -m scripts.study_positions --network {input.network:q} --faults {input.faults:q}"
        " --changes {input.changes:q} --seed {params.seed} --tolerance-pp {params.tolerance_pp}"
        " --curves {output.curves:q} --tests {output.tests:q} --output {output.csv:q} > {log:q} 2>&1"


rule study_neurons:
    """Is a flipped bit in a neuron of {wildcards.network} worse than one in a weight, and where?"""
    input:
        script="scripts/study_neurons.py",
        code=sources("scripts/study_neurons.py"),
        faults="<results>/{network}/study_faults.csv",
    output:
        csv="<results>/{network}/study_neurons.csv",
        comparisons="<results>/{network}/study_neurons_comparisons.csv",
    log:
        "<logs>/{network}/study_neurons.log",
    benchmark:
        "<logs>/{network}/study_neurons.tsv"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
        gpu=0,
    params:
        seed=config["seed"],
    shell:
        "python -m scripts.study_neurons --faults {input.faults:q} --seed {params.seed}"
        " --comparisons {output.comparisons:q} --output {output.csv:q} > {log:q} 2>&1"


rule study_persistence:
    """Wrong inferences of {wildcards.network} until transient and persistent faults are repaired."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        script="scripts/study_persistence.py",
        code=sources("scripts/study_persistence.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        engine="<results>/{network}/engine.json",
        faults="<results>/{network}/faults.csv",
        tensors="<results>/{network}/tensors.csv",
        rates="reference/fault_rates.csv",
    output:
        csv="<results>/{network}/study_persistence.csv",
        break_even="<results>/{network}/study_persistence_break_even.csv",
    log:
        "<logs>/{network}/study_persistence.log",
    benchmark:
        "<logs>/{network}/study_persistence.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=GPUS,
    params:
        evaluation=evaluation_of,
        study=config["studies"]["persistence"],
        mixed=" ".join(f"--mixed {shlex.join(pair)}" for pair in config["studies"]["persistence"]["scenarios"]),
        seed=config["seed"],
    shell:
        "python -m scripts.study_persistence --network {input.network:q} --images {input.images:q}"
        " --labels {input.labels:q} {params.evaluation} --threads {threads} --faults {input.faults:q}"
        " --tensors {input.tensors:q} --rates {input.rates:q} {params.mixed}"
        " --scrub-intervals {params.study[scrub_intervals]}"
        " --inferences-per-second {params.study[inferences_per_second]} --duty {params.study[duty]}"
        " --seed {params.seed} --output {output.csv:q} > {log:q} 2>&1"


rule study_replication:
    """Copies of {wildcards.network} without low mantissa bits, beside codes in place."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        script="scripts/study_replication.py",
        code=sources("scripts/study_replication.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        engine="<results>/{network}/engine.json",
        golden="<results>/{network}/golden.csv",
        selection="<results>/{network}/selection.json",
        gentle="<results>/{network}/selection_gentle.json",
    output:
        csv="<results>/{network}/study_replication.csv",
    log:
        "<logs>/{network}/study_replication.log",
    benchmark:
        "<logs>/{network}/study_replication.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(2880),
        gpu=GPUS,
    params:
        evaluation=evaluation_of,
        calibration=lambda wildcards: calibration_of(wildcards.network, "studies.replication"),
        study=lambda wildcards: settings_of("studies.replication"),
    shell:
        "python -m scripts.study_replication --network {input.network:q} --images {input.images:q}"
        " --labels {input.labels:q} {params.evaluation} --threads {threads} --golden {input.golden:q}"
        " {params.calibration} --selection {input.selection:q} --gentle {input.gentle:q}"
        " --copies {params.study[copies]} --dropped {params.study[dropped]} --bers {params.study[bers]}"
        " --trials {params.study[trials]} --output {output.csv:q} > {log:q} 2>&1"


rule study_formats:
    """Which low bits {wildcards.network} may lose in formats of several sizes."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        script="scripts/study_formats.py",
        code=sources("scripts/study_formats.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        engine="<results>/{network}/engine.json",
        golden="<results>/{network}/golden.csv",
        trained=lambda wildcards: settings_of("studies.formats.trained").get(wildcards.network, []),
    output:
        csv="<results>/{network}/study_formats.csv",
        choices="<results>/{network}/study_formats_choices.csv",
        growth="<results>/{network}/study_formats_growth.csv",
    log:
        "<logs>/{network}/study_formats.log",
    benchmark:
        "<logs>/{network}/study_formats.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(2880),
        gpu=GPUS,
    params:
        evaluation=evaluation_of,
        limit=limit_of("studies.formats"),
        trained=lambda wildcards, input: f"--trained {shlex.quote(str(input.trained))}" if input.trained else "",
        dtypes=config["studies"]["formats"]["dtypes"],
        seed=config["seed"],
        tolerance_pp=config["tolerance_pp"],
    shell:
        "python -m scripts.study_formats --network {input.network:q} --images {input.images:q}"
        " --labels {input.labels:q} {params.evaluation} --threads {threads} --golden {input.golden:q} {params.limit}"
        " --seed {params.seed} --tolerance-pp {params.tolerance_pp} --formats {params.dtypes} {params.trained}"
        " --choices {output.choices:q} --growth {output.growth:q} --output {output.csv:q} > {log:q} 2>&1"


rule study_formats_protection:
    """Codes over single 16-bit words of {wildcards.network}, and over several words together."""
    input:
        unpack(lambda wildcards: images_of(wildcards.network)),
        script="scripts/study_formats_protection.py",
        code=sources("scripts/study_formats_protection.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
        engine="<results>/{network}/engine.json",
        golden="<results>/{network}/golden.csv",
    output:
        csv="<results>/{network}/study_formats_protection.csv",
    log:
        "<logs>/{network}/study_formats_protection.log",
    benchmark:
        "<logs>/{network}/study_formats_protection.tsv"
    threads: config["evaluation"]["threads"]
    resources:
        mem_mb=growing(4000),
        runtime=growing(2880),
        gpu=GPUS,
    params:
        evaluation=evaluation_of,
        calibration=lambda wildcards: calibration_of(wildcards.network, "studies.short_words"),
        study=lambda wildcards: settings_of("studies.short_words"),
    shell:
        "python -m scripts.study_formats_protection --network {input.network:q} --images {input.images:q}"
        " --labels {input.labels:q} {params.evaluation} --threads {threads} --golden {input.golden:q}"
        " {params.calibration} --formats {params.study[dtypes]} --bers {params.study[bers]}"
        " --trials {params.study[trials]} --output {output.csv:q} > {log:q} 2>&1"


rule build_studies:
    """All answers on one page that opens offline, with their figures, and in a small table."""
    input:
        script="scripts/build_studies.py",
        code=sources("scripts/build_studies.py"),
        template="reports/templates/studies.html.jinja",
        page="reports/templates/page.html.jinja",
        captions=sorted(str(caption) for caption in Path("reports/captions/studies").glob("*.txt")),
        tables=[
            f"<results>/{network}/{table}.csv"
            for study, tables in STUDY_TABLES.items()
            for network in networks_of(study)
            for table in tables
        ],
    output:
        report="<reports>/studies.html",
        figures=directory("<reports>/figures_studies"),
        csv="<summary>/studies.csv",
    log:
        "<logs>/build_studies.log",
    benchmark:
        "<logs>/build_studies.tsv"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    params:
        results=lambda wildcards, input: Path(input.tables[0]).parents[1],
        networks=NETWORKS,
        further=[network for network in STUDY_NETWORKS if network not in NETWORKS],
        tolerance_pp=config["tolerance_pp"],
    shell:
        "python -m scripts.build_studies --results {params.results:q} --networks {params.networks:q}"
        " --further {params.further:q} --tolerance-pp {params.tolerance_pp} --template {input.template:q}"
        " --captions {input.captions:q} --report {output.report:q} --figures {output.figures:q}"
        " --answers {output.csv:q} > {log:q} 2>&1"
