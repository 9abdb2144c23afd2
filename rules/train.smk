# Needs: scikit-learn's training digits. Makes: the networks that ship in networks/, trained again by the same recipe.

# By the name of the file; resnet8_float64 is resnet8 with parameters and arithmetic of 64 bits.
TRAINED = ["lenet5", "lenet5_softplus", "lenet5_tanh", "resnet8", "resnet8_float64", "shufflenet_v2_x0_5"]


rule train_networks:
    """All networks of the default experiment and its studies, trained again; compare with networks/ and copy what should ship."""
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
        gpu=0,
    params:
        name=lambda wildcards: wildcards.trained.removesuffix("_float64"),
        dtype=lambda wildcards: "float64" if wildcards.trained.endswith("_float64") else "float32",
    shell:
        "python -m scripts.train_network --config {input.config:q} --name {params.name} --dtype {params.dtype}"
        " --output {output.weights:q} > {log:q} 2>&1"
