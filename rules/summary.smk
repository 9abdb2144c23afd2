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
        mem_mb=1000,
        runtime=30,
    params:
        results=lambda wildcards, input: Path(input.tables[0]).parents[1],
        networks=NETWORKS,
    shell:
        "python -m scripts.summarize --results {params.results:q} --networks {params.networks}"
        " --metrics {output.metrics:q} --sweeps {output.sweeps:q} --campaign {output.campaign:q} > {log:q} 2>&1"


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
        mem_mb=2000,
        runtime=30,
    params:
        config=json.dumps(config, sort_keys=True),
        threads=config["evaluation"]["threads"],
    shell:
        "python -m scripts.record_provenance --config {params.config:q}"
        " --inputs {input.images:q} {input.weights:q} {input.networks:q} --threads {params.threads}"
        " --params {output.params:q} --provenance {output.provenance:q} > {log:q} 2>&1"
