# Needs: scikit-learn's training digits. Makes: the networks that ship in networks/, trained again by the same recipe.

TRAINED = ["lenet5", "resnet8", "shufflenet_v2_x0_5"]


rule train_networks:
    """All networks of the default experiment, trained again; compare with networks/ and copy what should ship."""
    input:
        expand("<retrained>/{trained}.safetensors", trained=TRAINED),


rule train_network:
    """{wildcards.trained}, trained by its recipe."""
    input:
        script="scripts/train_network.py",
        code=sources("scripts/train_network.py"),
        config="config.yaml",
    output:
        weights="<retrained>/{trained}.safetensors",
    log:
        "<logs>/train_network/{trained}.log",
    benchmark:
        "<logs>/train_network/{trained}.tsv"
    wildcard_constraints:
        trained="|".join(TRAINED),
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    shell:
        "python -m scripts.train_network --config {input.config:q} --name {wildcards.trained}"
        " --output {output.weights:q} > {log:q} 2>&1"
