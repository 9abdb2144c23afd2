# Needs: what the config names. Makes: each data set as one array of pixels, each network as one safetensors file.


rule prepare_images:
    """Pixels and labels of {wildcards.dataset}, decoded, resized and cropped once."""
    input:
        script="scripts/prepare_images.py",
        code=sources("scripts/prepare_images.py"),
    output:
        images="<images>/{dataset}/{geometry}/images.npy",
        labels="<images>/{dataset}/{geometry}/labels.csv",
    log:
        "<logs>/prepare_images/{dataset}-{geometry}.log",
    benchmark:
        "<logs>/prepare_images/{dataset}-{geometry}.tsv"
    priority: 100
    threads: lambda wildcards: workflow.cores
    resources:
        mem_mb=growing(1000),
        runtime=growing(120),
        gpu=0,
    params:
        dataset=lambda wildcards: json.dumps(config["datasets"][wildcards.dataset], sort_keys=True),
        seed=lambda wildcards: config["seed"] if config["datasets"][wildcards.dataset]["limit"] else 0,
    shell:
        "python -m scripts.prepare_images --name {wildcards.dataset} --dataset {params.dataset:q} --seed {params.seed}"
        " --geometry {wildcards.geometry} --threads {threads} --images {output.images:q} --labels {output.labels:q}"
        " > {log:q} 2>&1"


rule prepare_network:
    """Weights of {wildcards.network}, checked, in the format the config asks for."""
    input:
        script="scripts/prepare_network.py",
        code=sources("scripts/prepare_network.py"),
        architecture=lambda wildcards: architecture_sources(wildcards.network),
        weights=lambda wildcards: local_weights(wildcards.network),
    output:
        network="<results>/{network}/network.safetensors",
    log:
        "<logs>/{network}/prepare_network.log",
    benchmark:
        "<logs>/{network}/prepare_network.tsv"
    priority: 100
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
        gpu=0,
    params:
        network=lambda wildcards: json.dumps(EVERYTHING["networks"][wildcards.network], sort_keys=True),
        folder=CONFIG_FOLDER,
    shell:
        "python -m scripts.prepare_network --network {params.network:q} --folder {params.folder:q}"
        " --output {output.network:q} > {log:q} 2>&1"
