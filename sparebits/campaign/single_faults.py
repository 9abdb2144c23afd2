"""The campaign of single faults: the unprotected network under one fault at a time, where it lies and what it does."""

import time
from collections.abc import Sequence

import numpy as np
import pandas as pd

from sparebits.campaign.injections import Injection, Trial, trials_of
from sparebits.campaign.journal import Journal
from sparebits.engine.activations import ActivationRuns, TransientFault
from sparebits.engine.runs import FaultRuns
from sparebits.evaluation import Evaluator
from sparebits.faults.sites import Region, owners_of, regions_of
from sparebits.formats import FloatFormat
from sparebits.parameters import doubles_of

CHUNK_SIZES = (64, 2048)
"""Fewest and most trials that are run and kept together: each chunk runs the golden network once more."""
CHUNK_S = 20.0
"""Chunks grow until they take so many seconds, which is then about what a kill can lose."""


def run_single_faults(
    evaluator: Evaluator,
    injections: Sequence[Injection],
    golden: np.ndarray,
    indices: np.ndarray,
    tolerance_pp: float,
    memory_mb: int,
    seed: int,
    journal: Journal | None = None,
) -> pd.DataFrame:
    """faults.csv: a row a bit that is hit; trials without any have one row that names none.

    A persistent fault is measured on all images, a transient one on one inference of one image.

    Args:
        evaluator: of the network.
        injections: what to inject.
        golden: classes of the golden run, for all images.
        indices: of the images to use.
        tolerance_pp: largest drop, in percentage points, of a fault that is not critical.
        memory_mb: for the engine.
        seed: of the experiment.
        journal: where finished trials are kept; those that it has are not run again.

    Returns:
        trial, tensor, index, bit, before, after, outcome (masked, sdc, critical, nan), and as docs/files.md says.

    Raises:
        InputError: a target or a fault does not fit the network; told before any trial.
    """
    runner = _Runner(evaluator, golden, indices, tolerance_pp, memory_mb, injections)
    done = journal.entries if journal else []
    rows = [row for entry in done for row in entry["rows"]]
    finished = {number for entry in done for number in entry["trials"]}
    chunk: list[Trial] = []
    size, most = CHUNK_SIZES

    def run_chunk() -> None:
        nonlocal size
        if chunk:
            started = time.monotonic()
            found = runner.run(chunk)
            if time.monotonic() - started < CHUNK_S / 2:
                size = min(2 * size, most)
            rows.extend(found)
            if journal:
                journal.append({"trials": [trial.number for trial in chunk], "rows": found})
            chunk.clear()

    for trial in trials_of(injections, runner.memories, len(indices), seed):
        if trial.number in finished:
            continue
        if chunk and trial.injection != chunk[0].injection:
            run_chunk()
        chunk.append(trial)
        if len(chunk) >= size:
            run_chunk()
    run_chunk()
    return pd.DataFrame(rows).astype({"before": float, "after": float})


class _Runner:
    """Runs trials and says what they came to."""

    def __init__(self, evaluator, golden, indices, tolerance_pp: float, memory_mb: int, injections):
        self._evaluator, self._indices, self._tolerance_pp = evaluator, indices, tolerance_pp
        self._golden, self._labels = golden[indices], evaluator.images.labels[indices]
        parameters = evaluator.parameters
        wanted = {injection.where for injection in injections}
        self.memories = {"parameters": (parameters.tensors, parameters.fmt, parameters.golden)}
        self._regions = {"parameters": regions_of(parameters.tensors)}
        self._activations = self._faults = None
        if "activations" in wanted:
            self._activations = ActivationRuns(evaluator)
            self.memories["activations"] = (self._activations.regions, self._activations.fmt, None)
            self._regions["activations"] = self._activations.regions
        for injection in injections:
            injection.sites(*self.memories[injection.where][:2])
        if "parameters" in wanted:
            self._faults = FaultRuns(evaluator, indices, memory_mb)
            print(f"persistent faults run {self._faults.way}", flush=True)
        if self._activations is not None and self._activations.reason:
            print(f"transient faults strike modules only: {self._activations.reason}", flush=True)

    def run(self, trials: Sequence[Trial]) -> list[dict]:
        """The rows of some trials of one injection."""
        if trials[0].injection.where == "parameters":
            return self._run_persistent(trials)
        return self._run_transient(trials)

    def _run_persistent(self, trials: Sequence[Trial]) -> list[dict]:
        parameters = self._evaluator.parameters
        flips = [trial.flips(parameters.golden) for trial in trials]
        found = self._faults.predict(flips)
        rows = []
        for trial, real, predicted, nan in zip(trials, flips, found.predicted, found.nan, strict=True):
            words = parameters.golden[trial.cells.indices]
            hit = words.copy()
            hit[np.searchsorted(trial.cells.indices, real.indices)] ^= real.masks
            before, after = doubles_of(words, parameters.fmt), doubles_of(hit, parameters.fmt)
            outcome = self._outcome(predicted, nan, self._golden, self._labels)
            rows += self._rows(trial, before, after, outcome)
        return rows

    def _run_transient(self, trials: Sequence[Trial]) -> list[dict]:
        faults = [TransientFault(int(self._indices[trial.image]), trial.cells, trial.stuck) for trial in trials]
        found = self._activations.predict(faults)
        rows, first = [], 0
        for trial, predicted, nan in zip(trials, found.predictions.predicted, found.predictions.nan, strict=True):
            words = slice(first, first + len(trial.cells.indices))
            first = words.stop
            image = slice(trial.image, trial.image + 1)
            outcome = self._outcome(predicted, nan, self._golden[image], self._labels[image])
            rows += self._rows(trial, found.before[words], found.after[words], outcome)
        return rows

    def _outcome(self, predicted: np.ndarray, nan: np.ndarray, golden: np.ndarray, labels: np.ndarray) -> dict:
        lost = int(np.count_nonzero((golden == labels) & (predicted != labels)))
        gained = int(np.count_nonzero((golden != labels) & (predicted == labels)))
        changed, nans = int(np.count_nonzero(predicted != golden)), int(np.count_nonzero(nan))
        drop_pp = 100 * (lost - gained) / len(golden)
        if nans:
            outcome = "nan"
        elif drop_pp > self._tolerance_pp:
            outcome = "critical"
        else:
            outcome = "sdc" if changed else "masked"
        hits = int(np.count_nonzero(predicted == labels))
        counts = {"images": len(golden), "changed": changed, "nans": nans, "hits": hits, "lost": lost, "gained": gained}
        return {"outcome": outcome, **counts, "drop_pp": drop_pp}

    def _rows(self, trial: Trial, before: np.ndarray, after: np.ndarray, outcome: dict) -> list[dict]:
        injection = trial.injection
        regions = self._regions[injection.where]
        common = {
            "injection": injection.name,
            "where": injection.where,
            "fault_model": injection.model.label,
            "target": injection.target.name,
            "strata": injection.strata,
        }
        image = int(self._indices[trial.image]) if trial.image >= 0 else -1
        ending = {"image": image, **outcome, "seed": trial.seed, "format": self._format_of(injection.where).name}
        kind_of_outcome = ending.pop("outcome")
        rows = []
        indices, bits = trial.cells.bits()
        words = np.searchsorted(trial.cells.indices, indices)
        owners = owners_of(indices, regions)
        for index, bit, word, owner in zip(indices.tolist(), bits.tolist(), words, owners, strict=True):
            region: Region = regions[owner]
            place = {"trial": trial.number, "tensor": region.name, "index": index - region.start, "bit": bit}
            values = {"before": float(before[word]), "after": float(after[word]), "outcome": kind_of_outcome}
            what = {"kind": region.kind, "layer": region.layer, "layer_type": region.layer_type}
            rows.append({**place, **values, **common, **what, **ending})
        if not rows:
            place = {"trial": trial.number, "tensor": "none", "index": -1, "bit": -1}
            values = {"before": float("nan"), "after": float("nan"), "outcome": kind_of_outcome}
            what = dict.fromkeys(("kind", "layer", "layer_type"), "none")
            rows.append({**place, **values, **common, **what, **ending})
        return rows

    def _format_of(self, where: str) -> FloatFormat:
        return self.memories[where][1]
