"""The engine that is decided on predicts what plain torch predicts."""

import numpy as np
import pytest
import torch

from sparebits.engine import decision
from sparebits.engine.choice import Engine, read_engine, write_engine
from sparebits.engine.decision import PLAIN, decide
from sparebits.errors import InputError
from sparebits.evaluation import Evaluator


def test_the_choice_is_one_that_was_measured_and_predicts_the_same(evaluator, golden):
    chosen = decide(evaluator, evaluations=1000, batch_size=None, memory_mb=64)
    assert chosen.batch_size in decision.BATCH_SIZES
    assert chosen.compiled_from is None
    tried = Evaluator(evaluator.parameters, evaluator.images, chosen)
    assert np.array_equal(tried.predict(evaluator.parameters.golden, np.arange(80)), golden)


def test_a_fixed_batch_size_is_kept(evaluator):
    assert decide(evaluator, 1000, batch_size=48, memory_mb=64).batch_size == 48


def test_an_engine_whose_predictions_differ_is_not_chosen(evaluator, monkeypatch):
    """Channels last is made to predict wrongly for one altered variant: the choice falls on the other order."""
    whole = Evaluator.predict

    def predict(self, words, indices):
        found = whole(self, words, indices)
        if self.engine.memory_format == "channels_last" and not np.array_equal(words, self.parameters.golden):
            found[0] = (found[0] + 1) % 5
        return found

    monkeypatch.setattr(Evaluator, "predict", predict)
    assert decide(evaluator, 1000, None, 64).memory_format == "contiguous_format"


def test_without_any_that_agrees_it_is_plain_torch(evaluator, monkeypatch):
    whole = Evaluator.predict

    def predict(self, words, indices):
        found = whole(self, words, indices)
        return found if self.engine == PLAIN else (found + 1) % 5

    monkeypatch.setattr(Evaluator, "predict", predict)
    chosen = decide(evaluator, 1000, 16, 64)
    assert (chosen.memory_format, chosen.batch_size) == ("contiguous_format", 16)


def test_memory_bounds_the_batch(evaluator):
    """The largest result of an image is the image itself, 12 x 10 x 3 values, beside 4 x 10 x 8."""
    assert decision._largest_result(evaluator) == 4 * 10 * 8 * 4
    assert decision._size_by_rule(1 << 20, 1000) == 8
    assert decision._size_by_rule(1 << 30, 1000) == decision.BATCH_SIZES[0]
    assert decision._size_by_rule(1, 1000) == decision.BATCH_SIZES[-1]


def test_compiling_is_only_tried_where_a_stage_runs_much_longer(evaluator, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda model, dynamic: compiled.append(model) or model)
    decide(evaluator, evaluations=1000, batch_size=32, memory_mb=64)
    assert not compiled
    times = iter([*[0.5] * 8, 20.0, *[0.1] * 20])
    monkeypatch.setattr(decision, "_time", lambda evaluator, sample: next(times))
    chosen = decide(evaluator, evaluations=10**7, batch_size=32, memory_mb=64)
    assert compiled
    assert chosen.compiled_from is not None
    # Compiling "took" next to nothing here, so little work makes up for it.
    assert chosen.is_worth_compiling(10**7)


def test_compiled_batches_have_one_size_and_predict_the_same(evaluator, golden, monkeypatch):
    sizes = []

    def compile(model, dynamic):
        def run(inputs):
            sizes.append(len(inputs))
            return model(inputs)

        return run

    monkeypatch.setattr(torch, "compile", compile)
    tried = Evaluator(evaluator.parameters, evaluator.images, Engine(32, compiled_from=100))
    tried.prepare(99)
    assert np.array_equal(tried.predict(evaluator.parameters.golden, np.arange(75)), golden[:75])
    assert not sizes
    tried.prepare(100)
    assert np.array_equal(tried.predict(evaluator.parameters.golden, np.arange(75)), golden[:75])
    assert set(sizes) == {32}


@pytest.mark.parametrize("engine", [Engine(4), Engine(512, "contiguous_format", 1 << 20)])
def test_engines_are_read_as_they_were_written(engine, tmp_path):
    write_engine(tmp_path / "engine.json", engine)
    assert read_engine(tmp_path / "engine.json") == engine


@pytest.mark.parametrize("text", ["", "[]", '{"batch_size": 1}', '{"batch_size": 8, "memory_format": "x"}', '{"b": 3}'])
def test_a_broken_engine_file_is_told(text, tmp_path):
    (tmp_path / "engine.json").write_text(text)
    with pytest.raises(InputError, match=r"engine\.json is no engine\.json .* delete it and run snakemake again"):
        read_engine(tmp_path / "engine.json")
