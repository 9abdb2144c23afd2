# Needs: census and sweeps, no images. Makes: the class of each bit, and the thesis' choice of codes.


rule classify_bits:
    """Which bits of {wildcards.network} are invariant, forced, irrelevant or to be protected."""
    input:
        script="scripts/classify_bits.py",
        code=sources("scripts/classify_bits.py"),
        tensors="<results>/{network}/tensors.csv",
        bits="<results>/{network}/bits.csv",
        combined="<results>/{network}/combined.csv",
    output:
        csv="<results>/{network}/bit_classes.csv",
    log:
        "<logs>/{network}/classify_bits.log",
    benchmark:
        "<logs>/{network}/classify_bits.tsv"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
        gpu=0,
    shell:
        "python -m scripts.classify_bits --tensors {input.tensors:q} --bits {input.bits:q} --combined {input.combined:q}"
        " --output {output.csv:q} > {log:q} 2>&1"


rule choose_ecc:
    """Data bits, spare bits and the thesis' codes for {wildcards.network}."""
    input:
        script="scripts/choose_ecc.py",
        code=sources("scripts/choose_ecc.py"),
        tensors="<results>/{network}/tensors.csv",
        combined="<results>/{network}/combined.csv",
    output:
        csv="<results>/{network}/ecc.csv",
    log:
        "<logs>/{network}/choose_ecc.log",
    benchmark:
        "<logs>/{network}/choose_ecc.tsv"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
        gpu=0,
    shell:
        "python -m scripts.choose_ecc --tensors {input.tensors:q} --combined {input.combined:q} --output {output.csv:q}"
        " > {log:q} 2>&1"
