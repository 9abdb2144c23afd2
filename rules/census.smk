# Needs: the prepared network, no images. Makes: counts of bits and exponents, the group of each tensor,
# what rounding would modify.


rule census_bits:
    """Zeros and ones of each bit of {wildcards.network}, by kind."""
    input:
        script="scripts/census_bits.py",
        code=sources("scripts/census_bits.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
    output:
        csv="<results>/{network}/bits.csv",
    log:
        "<logs>/{network}/census_bits.log",
    benchmark:
        "<logs>/{network}/census_bits.tsv"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    shell:
        "python -m scripts.census_bits --network {input.network:q} --output {output.csv:q} > {log:q} 2>&1"


rule census_exponents:
    """Exponent fields of {wildcards.network} by kind, and the group of each tensor."""
    input:
        script="scripts/census_exponents.py",
        code=sources("scripts/census_exponents.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
    output:
        exponents="<results>/{network}/exponents.csv",
        tensors="<results>/{network}/tensors.csv",
    log:
        "<logs>/{network}/census_exponents.log",
    benchmark:
        "<logs>/{network}/census_exponents.tsv"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    shell:
        "python -m scripts.census_exponents --network {input.network:q} --exponents {output.exponents:q}"
        " --tensors {output.tensors:q} > {log:q} 2>&1"


rule census_rounding:
    """Tensors and values of {wildcards.network} that rounding to each floor would modify, and its free exponent bits."""
    input:
        script="scripts/census_rounding.py",
        code=sources("scripts/census_rounding.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        network="<results>/{network}/network.safetensors",
    output:
        modified="<results>/{network}/modified.csv",
        free_bits="<results>/{network}/free_bits.csv",
    log:
        "<logs>/{network}/census_rounding.log",
    benchmark:
        "<logs>/{network}/census_rounding.tsv"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    shell:
        "python -m scripts.census_rounding --network {input.network:q} --modified {output.modified:q}"
        " --free-bits {output.free_bits:q} > {log:q} 2>&1"
