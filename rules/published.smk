# Needs: the published tables of the thesis and, to compare them, results of the networks that are the thesis'. Makes: what
# does not agree in the tables, and measured figures beside the published ones.

PUBLISHED_TABLES = sorted(str(table) for table in Path("reference/silin2024").glob("*.csv"))
# Networks whose architecture, and perhaps weights, are the thesis'.
PUBLISHED = [name for name, network in config["networks"].items() if has_published_architecture(network)]


rule audit_published:
    """What does not agree in the thesis' tables, and its architectures counted again: no weights, no images."""
    input:
        script="scripts/audit_published.py",
        code=sources("scripts/audit_published.py"),
        tables=PUBLISHED_TABLES,
    output:
        findings="<summary>/audit.csv",
        architectures="<summary>/architectures.csv",
        listing="<summary>/audit.txt",
    log:
        "<logs>/audit_published.log",
    benchmark:
        "<logs>/audit_published.tsv"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    params:
        reference=lambda wildcards, input: Path(input.tables[0]).parent,
    shell:
        "python -m scripts.audit_published --reference {params.reference:q} --findings {output.findings:q}"
        " --architectures {output.architectures:q} --listing {output.listing:q} > {log:q} 2>&1"


rule compare_published:
    """The thesis' tables of {wildcards.network} beside the results, of weights and images or of weights alone."""
    input:
        script="scripts/compare_published.py",
        code=sources("scripts/compare_published.py"),
        published=PUBLISHED_TABLES,
        tables=lambda wildcards: [
            f"<results>/{wildcards.network}/{table}.csv"
            for table in (*WEIGHT_TABLES, *(() if wildcards.part else IMAGE_TABLES))
        ],
    output:
        csv="<results>/{network}/published{part}.csv",
    log:
        "<logs>/{network}/compare_published{part}.log",
    benchmark:
        "<logs>/{network}/compare_published{part}.tsv"
    wildcard_constraints:
        part="|_weights",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    params:
        reference=lambda wildcards, input: Path(input.published[0]).parent,
        network=lambda wildcards: json.dumps(config["networks"][wildcards.network], sort_keys=True),
        dataset=lambda wildcards: config["datasets"][config["networks"][wildcards.network]["dataset"]]["kind"],
        transform=lambda wildcards: json.dumps(transform_of(config, wildcards.network), sort_keys=True),
    shell:
        "python -m scripts.compare_published --reference {params.reference:q} --network {params.network:q}"
        " --tables {input.tables:q} --dataset {params.dataset} --transform {params.transform:q} --output {output.csv:q}"
        " > {log:q} 2>&1"
