"""A sweep that is split into jobs: the same bytes as in one job, however many there are."""

import numpy as np
import pytest
import yaml
from workflow import CONFIG, snakemake

from sparebits.engine.choice import Engine
from sparebits.evaluation import Evaluator
from sparebits.predictions import read_predictions, write_predictions
from sparebits.stages import lsb_variants, measure, measure_part, tabulate

BITS = [3, 17, 22, 30]


@pytest.mark.parametrize("parts", [1, 2, 5, 100])
def test_shares_of_a_sweep_make_the_whole_one(evaluator, golden, tmp_path, parts):
    """Also more shares than variants, and a sample of the images."""
    variants = lsb_variants(evaluator.parameters, BITS, 1)
    indices, labels = evaluator.images.sample(50, 1), evaluator.images.labels
    whole = measure(evaluator, variants, golden, indices)
    files = [tmp_path / f"{part}.npz" for part in range(parts)]
    for part, file in enumerate(files):
        ids, predictions = measure_part(evaluator, variants, part, parts, indices)
        write_predictions(file, ids, predictions, indices, len(labels))
    ids, predictions, used = read_predictions(files)
    assert ids == whole.ids
    assert np.array_equal(predictions, whole.predictions)
    assert np.array_equal(used, indices)
    by_id = {variant.id: variant for variant in variants}
    found = tabulate([by_id[name] for name in ids], predictions, golden, labels, used, evaluator.parameters.fmt)
    assert found.table.equals(whole.table)


def test_shares_over_different_images_are_not_put_together(tmp_path):
    for name, indices in (("a", [0, 1]), ("b", [0, 2])):
        write_predictions(tmp_path / name, [name], np.zeros((1, 2), dtype=np.uint16), np.array(indices), 5)
    with pytest.raises(ValueError, match="not about the same images"):
        read_predictions([tmp_path / "a", tmp_path / "b"])


def test_a_share_is_compiled_where_the_whole_sweep_would_be(evaluator, monkeypatch):
    """As a compiled network's logits may differ in their last bits."""
    variants = lsb_variants(evaluator.parameters, BITS, 1)
    indices = np.arange(80)
    compiling = Evaluator(
        evaluator.parameters, evaluator.images, Engine(32, compiled_from=len(variants) * len(indices))
    )
    compiled = []
    monkeypatch.setattr("torch.compile", lambda model, **options: compiled.append(model) or model)
    measure_part(compiling, variants, 0, 4, indices)
    assert compiled == [evaluator.parameters.model]
    compiling.engine = Engine(32, compiled_from=len(variants) * len(indices) + 1)
    compiling._compiled = None
    measure_part(compiling, variants, 0, 4, indices)
    assert len(compiled) == 1


def test_the_workflow_writes_the_same_bytes_for_any_number_of_jobs(project):
    folder = project
    config = yaml.safe_load((folder / CONFIG).read_text())
    results = f"{config['output']}/results/lenet5"
    targets = [f"{results}/lsb.csv", f"{results}/predictions/lsb.npz"]
    written = {1: [(folder / target).read_bytes() for target in targets]}
    for count in (2, 5):
        for target in targets:
            (folder / target).unlink()
        config["lsb"]["jobs"] = count
        (folder / "config" / "jobs.yaml").write_text(yaml.safe_dump(config))
        run = snakemake(folder, *targets, config="config/jobs.yaml")
        assert run.returncode == 0, run.stderr
        written[count] = [(folder / target).read_bytes() for target in targets]
        shares = list((folder / results / "predictions").glob(f"lsb-*-of-{count}.npz"))
        assert len(shares) == count
    assert written[1] == written[2] == written[5]
