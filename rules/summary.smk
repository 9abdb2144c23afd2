# Needs: results of every network. Makes: the small files in git by which experiments are compared.


rule summarize:
    """Headline figures, sweeps and campaigns of all networks."""
    input:
        script="scripts/summarize.py",
        code=sources("scripts/summarize.py"),
        tables=expand(
            "<results>/{network}/{table}.csv",
            network=NETWORKS,
            table=["golden", "lsb", "combined", "ecc", "tensors", "campaign"],
        ),
        selections=expand("<results>/{network}/selection.json", network=NETWORKS),
        gentle=expand("<results>/{network}/selection_gentle.json", network=NETWORKS),
    output:
        metrics="<summary>/metrics.json",
        sweeps="<summary>/sweeps.csv",
        campaign="<summary>/campaign.csv",
    log:
        "<logs>/summarize.log",
    benchmark:
        "<logs>/summarize.tsv"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
        gpu=0,
    params:
        results=lambda wildcards, input: Path(input.tables[0]).parents[1],
        networks=NETWORKS,
    shell:
        "python -m scripts.summarize --results {params.results:q} --networks {params.networks}"
        " --metrics {output.metrics:q} --sweeps {output.sweeps:q} --campaign {output.campaign:q} > {log:q} 2>&1"


rule summarize_campaign:
    """The full campaigns of all networks, in a small table."""
    input:
        script="scripts/summarize_campaign.py",
        code=sources("scripts/summarize_campaign.py"),
        tables=expand("<results>/{network}/campaign_full.csv", network=NETWORKS),
    output:
        csv="<summary>/campaign_full.csv",
    log:
        "<logs>/summarize_campaign.log",
    benchmark:
        "<logs>/summarize_campaign.tsv"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    params:
        results=lambda wildcards, input: Path(input.tables[0]).parents[1],
        networks=NETWORKS,
    shell:
        "python -m scripts.summarize_campaign --results {params.results:q} --networks {params.networks}"
        " --output {output.csv:q} > {log:q} 2>&1"


rule judge_goals:
    """What was set out to do, and what the full campaign measured of it."""
    input:
        script="scripts/judge_goals.py",
        code=sources("scripts/judge_goals.py"),
        tables=expand("<results>/{network}/campaign_full.csv", network=NETWORKS),
        selections=expand("<results>/{network}/selection.json", network=NETWORKS),
        gentle=expand("<results>/{network}/selection_gentle.json", network=NETWORKS),
    output:
        csv="<summary>/goals.csv",
    log:
        "<logs>/judge_goals.log",
    benchmark:
        "<logs>/judge_goals.tsv"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    params:
        results=lambda wildcards, input: Path(input.tables[0]).parents[1],
        networks=NETWORKS,
    shell:
        "python -m scripts.judge_goals --results {params.results:q} --networks {params.networks}"
        " --output {output.csv:q} > {log:q} 2>&1"


rule predict_large_networks:
    """What protection would do for networks of millions of values: a prediction."""
    input:
        script="scripts/predict_large_networks.py",
        code=sources("scripts/predict_large_networks.py"),
        tables=expand("<results>/{network}/failed_words.csv", network=NETWORKS),
    output:
        csv="<summary>/large_networks.csv",
    log:
        "<logs>/predict_large_networks.log",
    benchmark:
        "<logs>/predict_large_networks.tsv"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    params:
        results=lambda wildcards, input: Path(input.tables[0]).parents[1],
        networks=NETWORKS,
        bers=[0.01, 0.03, 0.05, 0.08, 0.1],
    shell:
        "python -m scripts.predict_large_networks --results {params.results:q} --networks {params.networks}"
        " --bers {params.bers} --output {output.csv:q} > {log:q} 2>&1"


rule record_provenance:
    """What made the results: resolved config, hashes of inputs, versions, threads and seed."""
    input:
        script="scripts/record_provenance.py",
        code=sources("scripts/record_provenance.py"),
        metrics="<summary>/metrics.json",
        images=[path for network in NETWORKS for path in images_of(network).values()],
        weights=[path for network in NETWORKS for path in local_weights(network)],
        networks=expand("<results>/{network}/network.safetensors", network=NETWORKS),
    output:
        params="<summary>/params.yaml",
        provenance="<summary>/provenance.json",
    log:
        "<logs>/record_provenance.log",
    benchmark:
        "<logs>/record_provenance.tsv"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    params:
        config=json.dumps(config, sort_keys=True),
        threads=config["evaluation"]["threads"],
    shell:
        "python -m scripts.record_provenance --config {params.config:q}"
        " --inputs {input.images:q} {input.weights:q} {input.networks:q} --threads {params.threads}"
        " --params {output.params:q} --provenance {output.provenance:q} > {log:q} 2>&1"
