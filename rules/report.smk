# Needs: results of every network, of the short campaign or the full one. Makes: the report and its figures.

# What the full campaign writes too, under names that end in its extent.
TABLES_OF_EXTENT = ["campaign", "comparison", "ablation", "word_counts", "restoration"]
REPORTED = list(dict.fromkeys([*TABLES, *TABLES_OF_EXTENT, "attack", "costs"]))


rule build_report:
    """All networks in one page that opens offline, and its figures; report_full tells the full campaign."""
    input:
        script="scripts/build_report.py",
        code=sources("scripts/build_report.py"),
        template="reports/templates/report.html.jinja",
        page="reports/templates/page.html.jinja",
        captions=sorted(str(caption) for caption in Path("reports/captions").glob("*.txt")),
        tables=lambda wildcards: [
            f"<results>/{network}/{table}{wildcards.extent if table in TABLES_OF_EXTENT else ''}.csv"
            for network in NETWORKS
            for table in REPORTED
        ],
        selections=expand("<results>/{network}/selection.json", network=NETWORKS),
        block_failures="<summary>/block_failures{extent}.csv",
        inner_words="<summary>/inner_words{extent}.csv",
        scrub_times="benchmarks/scrub_times.csv",
        published=expand("<results>/{network}/published.csv", network=PUBLISHED),
    output:
        report="<reports>/report{extent}.html",
        figures=directory("<reports>/figures{extent}"),
    log:
        "<logs>/build_report{extent}.log",
    benchmark:
        "<logs>/build_report{extent}.tsv"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    params:
        results=lambda wildcards, input: Path(input.tables[0]).parents[1],
        networks=NETWORKS,
        tolerance_pp=config["tolerance_pp"],
        title=lambda wildcards: f"Spare bits of {len(NETWORKS)} network{'s' * (len(NETWORKS) > 1)}"
        + (", full campaign" if wildcards.extent else ""),
    shell:
        "python -m scripts.build_report --results {params.results:q} --extent={wildcards.extent:q}"
        " --networks {params.networks:q} --block-failures {input.block_failures:q} --inner-words {input.inner_words:q}"
        " --scrub-times {input.scrub_times:q} --published {input.published:q} --tolerance-pp {params.tolerance_pp}"
        " --title {params.title:q} --template {input.template:q} --captions {input.captions:q} --report {output.report:q}"
        " --figures {output.figures:q} > {log:q} 2>&1"
