"""Train a network of the default experiment or of its studies again, by the recipe that trained the shipped one."""

import argparse

import torch
from safetensors.torch import save_file

from sparebits.commandline import run
from sparebits.config import load_config, with_study_networks
from sparebits.construction import build_architecture
from sparebits.files import whole_file
from sparebits.training import RECIPES, accuracy, train, training_digits
from sparebits.transforms import geometry_of, transform_of


def main(arguments: argparse.Namespace) -> None:
    dtype = getattr(torch, arguments.dtype)
    # Of parameters, and of all random numbers that initial weights and augmentation are made of.
    torch.set_default_dtype(dtype)
    config = with_study_networks(load_config(arguments.config))
    entry = config["networks"][arguments.name]
    transform = transform_of(config, arguments.name)
    images, labels = training_digits(geometry_of(config, arguments.name))
    images = images.to(dtype)
    model = build_architecture(entry["architecture"], entry["arguments"], ".")
    train(model, RECIPES[arguments.name], images, labels, transform["mean"], transform["std"])
    print(
        f"accuracy on the training images: {accuracy(model, images, labels, transform['mean'], transform['std']):.4f}"
    )
    with whole_file(arguments.output) as temporary:
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, temporary)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="config.yaml, for architecture and transform")
    parser.add_argument("--name", required=True, choices=RECIPES)
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"), help="to train in")
    parser.add_argument("--output", required=True, help="weights to write (.safetensors)")
    run(main, parser)
