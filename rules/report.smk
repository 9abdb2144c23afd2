# Needs: results of every network. Makes: the report and its figures.


rule build_report:
    """All networks in one page that opens offline, and its figures."""
    input:
        script="scripts/build_report.py",
        code=sources("scripts/build_report.py"),
        template="reports/template.html",
        captions=sorted(str(caption) for caption in Path("reports/captions").glob("*.txt")),
        tables=expand("<results>/{network}/{table}.csv", network=NETWORKS, table=TABLES),
        selections=expand("<results>/{network}/selection.json", network=NETWORKS),
    output:
        report="<reports>/report.html",
        figures=directory("<reports>/figures"),
    log:
        "<logs>/build_report.log",
    benchmark:
        "<logs>/build_report.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        results=lambda wildcards, input: Path(input.tables[0]).parents[1],
        networks=NETWORKS,
        tolerance_pp=config["tolerance_pp"],
        title=f"Spare bits of {len(NETWORKS)} network{'s' * (len(NETWORKS) > 1)}",
    shell:
        "python -m scripts.build_report --results {params.results:q} --networks {params.networks:q}"
        " --tolerance-pp {params.tolerance_pp} --title {params.title:q} --template {input.template:q}"
        " --captions {input.captions:q} --report {output.report:q} --figures {output.figures:q} > {log:q} 2>&1"
