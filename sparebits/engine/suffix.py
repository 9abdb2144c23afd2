"""Inference with a local fault: only the steps that it reaches, on the images that it can still change."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from sparebits.engine.bounds import Bounds
from sparebits.engine.channels import ChannelRuns
from sparebits.engine.differences import compare
from sparebits.engine.fused import FusedRuns, Group, find_groups
from sparebits.engine.golden import GoldenBatch, rows_of
from sparebits.engine.graph import Graph, Step, map_tensors, tensors_in
from sparebits.engine.leaving import next_count
from sparebits.engine.routes import Route, plan_route
from sparebits.parameters import FlatParameters

WORTH_LEAVING = 0.9
"""Images leave only if at most this share of them would stay: copying the others costs as well."""


@dataclass(frozen=True)
class Part:
    """Some channels of a step's result, where all others are golden."""

    channels: np.ndarray
    values: torch.Tensor


@dataclass
class _Run:
    """Where the inference under one fault stands.

    Attributes:
        parts: by place the channels that a step is re-run for, of the steps that need not be run whole.
        rows: which images are left, None for all.
        changed: by place the results that are not golden and are still to be taken.
        clean: golden results of these images, as far as they were asked for.
        known: of results that were compared with golden, which images differ and how far.
    """

    route: Route
    parts: dict[int, np.ndarray]
    rows: np.ndarray | None = None
    chosen: torch.Tensor | None = None
    changed: dict[int, Any] = field(default_factory=dict)
    clean: dict[int, Any] = field(default_factory=dict)
    known: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def keep(self, keep: np.ndarray, device: torch.device) -> None:
        """Let the other images leave."""
        kept = np.flatnonzero(keep)
        self.rows = kept if self.rows is None else self.rows[kept]
        self.chosen = torch.from_numpy(self.rows).to(device)
        kept = torch.from_numpy(kept).to(device)
        self.changed = {place: _rows_of(value, kept) for place, value in self.changed.items()}
        self.known = {place: (moved[keep], far[keep]) for place, (moved, far) in self.known.items()}
        self.clean.clear()


class SuffixRuns:
    """Predictions under faults for one batch of images, from its golden results."""

    def __init__(
        self,
        graph: Graph,
        parameters: FlatParameters,
        channel_runs: ChannelRuns | None,
        bounds: Bounds | None,
        smallest_batch: int | None,
        whole: frozenset[int] = frozenset(),
        fused_runs: FusedRuns | None = None,
    ):
        """Prepare.

        Args:
            channel_runs: to run some channels of steps only, or None to run all.
            bounds: on what changes may come to, or None to do without.
            smallest_batch: fewest images from which on results do not depend on their number; None if they always may,
                so that no image leaves.
            whole: places of steps that are run for the whole batch, whoever left.
            fused_runs: to run steps at once, or None to run them one by one.
        """
        self._graph, self._parameters = graph, parameters
        self._channel_runs, self._bounds, self._fused_runs = channel_runs, bounds, fused_runs
        self._smallest, self._run_whole = smallest_batch, whole
        self._groups = [] if fused_runs is None else find_groups(graph)
        self._routes: dict[tuple[int, ...], Route] = {}
        self._slacks: dict[tuple[Route, int], np.ndarray] = {}
        self._amplifications: dict[tuple[int, int], float] = {}
        self._golden: GoldenBatch | None = None

    def start(self, golden: GoldenBatch) -> None:
        """Take up a batch; the parameters are untouched."""
        self._golden = golden
        self._slacks.clear()
        if self._bounds is not None:
            self._bounds.start(golden)
        if self._fused_runs is not None:
            self._groups = [group for group in self._groups if self._fused_runs.agrees(group, golden)]

    def finish(self) -> None:
        """Let go of the batch, so that the next one does not come to lie beside it."""
        self._golden = None

    def predict(self, indices: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Classes, int64 (images,), and whether a logit is NaN, (images,), with some words XORed with masks."""
        golden = self._golden
        predicted, nan = golden.predicted.copy(), golden.nan.copy()
        found = self.logits(indices, masks)
        if found is not None:
            rows, logits = found
            chosen = slice(None) if rows is None else rows
            predicted[chosen] = logits.argmax(dim=1).cpu().numpy()
            nan[chosen] = logits.isnan().any(dim=1).cpu().numpy()
        return predicted, nan

    def logits(self, indices: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray | None, torch.Tensor] | None:
        """Rows and logits of the images that were run to the end; no rows are all, None is no image."""
        hit = self._parameters.tensors_at(indices)
        readers = tuple(self._graph.readers_of(tuple(hit)))
        if readers not in self._routes:
            self._routes[readers] = plan_route(self._graph, self._golden.kinds, readers, self._groups)
        route = self._routes[readers]
        # What has to be tried with untouched parameters.
        run = _Run(route, self._parts(readers, route, hit))
        with self._parameters.flipped(indices, masks):
            return self._follow(run)

    def _parts(self, readers: tuple[int, ...], route: Route, hit: dict[str, np.ndarray]) -> dict[int, np.ndarray]:
        """By place the channels that a step is re-run for, of the steps that need not be run whole."""
        runs = self._channel_runs
        if runs is None or len(readers) != 1:
            return {}
        step = self._graph.steps[readers[0]]
        channels = runs.channels_hit(step, {name.rpartition(".")[2]: at for name, at in hit.items()})
        if channels is None or not runs.agrees(step, self._golden):
            return {}
        parts = {step.place: channels}
        for place in route.places[1:]:
            following = self._graph.steps[place]
            if (
                following.inputs != (next(reversed(parts)),)
                or not runs.passes_channels(following)
                or not runs.agrees(following, self._golden)
            ):
                break
            parts[place] = channels
        return parts

    def _follow(self, run: _Run) -> tuple[np.ndarray | None, torch.Tensor] | None:
        golden, graph, route = self._golden, self._graph, run.route

        def lookup(place: int) -> Any:
            if place in run.changed:
                if isinstance(run.changed[place], Part):
                    run.changed[place] = self._whole(place, run.changed[place], run.chosen)
                return run.changed[place]
            if place not in run.clean:
                run.clean[place] = golden.rows(place, run.chosen)
            return run.clean[place]

        for place in route.places:
            step, done = graph.steps[place], (place,)
            group = route.groups.get(place)
            if group is not None and group.batchnorm not in run.parts:
                if place != group.last:
                    continue
                run.changed[place], done = self._run_group(group, lookup, run), group.places
            elif place in run.parts:
                run.changed[place] = self._run_part(step, lookup, run)
            elif step.is_relu and step.inputs[0] in run.changed and self._is_its_own(step.inputs[0]):
                # Nobody else takes what is overwritten, and it is not golden.
                run.changed[place] = lookup(step.inputs[0]).relu_()
            elif run.rows is not None and place in self._run_whole:
                run.changed[place] = self._run_for_all(place, lookup, run)
            else:
                run.changed[place] = graph.run(place, lookup)
            for used in (used for other in done for used in graph.steps[other].inputs):
                if used in run.changed and route.last_use[used] <= place:
                    del run.changed[used]
            if place in route.cuts:
                keep = self._may_differ(run, place)
                if not keep.any():
                    return None
                keep = self._enough(keep)
                if keep is not None:
                    run.keep(keep, golden.device)
        return run.rows, lookup(graph.last)

    def _is_its_own(self, place: int) -> bool:
        """Whether a step's result lies in memory of its own, and one step alone takes it."""
        step = self._graph.steps[place]
        is_new = isinstance(step.module, nn.Conv2d | nn.BatchNorm2d | nn.Linear) or step.is_addition
        return is_new and len(self._graph.users[place]) == 1

    def _run_part(self, step: Step, lookup: Callable[[int], Any], run: _Run) -> Part:
        """Some channels of a step's result."""
        channels = run.parts[step.place]
        before = run.changed.get(step.inputs[0])
        taken = self._channel_runs.takes(step, channels, lookup(step.inputs[0])) if before is None else before.values
        return Part(channels, self._channel_runs.run(step, channels, taken))

    def _run_group(self, group: Group, lookup: Callable[[int], Any], run: _Run) -> torch.Tensor:
        """The result of steps that are run at once, over the memory of the first one's input."""
        values = lookup(group.source)
        if group.other is None or group.other in run.changed:
            other, rows = None if group.other is None else lookup(group.other), None
        else:
            other, rows = self._golden.results[group.other], run.rows
        found = self._fused_runs.run(group, values, other, rows)
        if found is None:
            results = {group.source: values}
            for place in group.places:
                results[place] = self._graph.run(place, lambda at: results[at] if at in results else lookup(at))
            found = results[group.last]
        return found

    def _run_for_all(self, place: int, lookup: Callable[[int], Any], run: _Run) -> Any:
        """A step's result for some images, of a run for all of them, of whom the others are golden."""

        def lookup_all(other: int) -> Any:
            everything = self._golden.results[other]
            return everything.index_copy(0, run.chosen, lookup(other)) if other in run.changed else everything

        return map_tensors(self._graph.run(place, lookup_all), lambda tensor: rows_of(tensor, run.chosen))

    def _whole(self, place: int, part: Part, rows: torch.Tensor | None) -> torch.Tensor:
        base = self._golden.results[place]
        whole = base.clone() if rows is None else rows_of(base, rows)
        whole[:, torch.from_numpy(part.channels).to(whole.device)] = part.values
        return whole

    def _may_differ(self, run: _Run, place: int) -> np.ndarray:
        """Of the images that are left, those whose class may come out other than golden, bool (images,).

        Args:
            place: of a cut.
        """
        left = self._slack(run, place)
        differs = np.zeros(len(left), dtype=bool)
        for other in run.route.cuts[place]:
            amplification = self._amplification(other, place)
            with np.errstate(invalid="ignore"):
                limits = np.where(left > 0, left / amplification if amplification > 0 else math.inf, -1.0)
            if other not in run.known or not np.isfinite(run.known[other][1]).all():
                found = [compare(new, old, rows, limits) for new, old, rows in self._beside_golden(other, run)]
                run.known[other] = np.logical_or.reduce([moved for moved, _ in found]), sum(far for _, far in found)
            moved, far = run.known[other]
            differs |= moved
            with np.errstate(invalid="ignore"):
                left = left - np.where(moved, amplification * far, 0.0)
        # NaN compares as false.
        return differs & ~(left > 0)

    def _slack(self, run: _Run, place: int) -> np.ndarray:
        """How far the features of the images that are left may move, float64 (images,); negative without bounds."""
        if self._bounds is None:
            return np.full(self._golden.images if run.rows is None else len(run.rows), -1.0)
        if (run.route, place) not in self._slacks:
            self._slacks[run.route, place] = self._bounds.slack(run.route.following[place])
        slack = self._slacks[run.route, place]
        return slack if run.rows is None else slack[run.rows]

    def _amplification(self, place: int, after: int) -> float:
        if self._bounds is None:
            return math.inf
        if (place, after) not in self._amplifications:
            self._amplifications[place, after] = self._bounds.amplification(place, after)
        return self._amplifications[place, after]

    def _beside_golden(self, place: int, run: _Run) -> list[tuple[torch.Tensor, torch.Tensor, np.ndarray | None]]:
        """A result's tensors, each with golden's for the same channels, and which images of these."""
        value, golden = run.changed[place], self._golden.results[place]
        if isinstance(value, Part):
            return [(value.values, golden[:, torch.from_numpy(value.channels).to(golden.device)], run.rows)]
        return [(new, old, run.rows) for new, old in zip(tensors_in(value), tensors_in(golden), strict=True)]

    def _enough(self, keep: np.ndarray) -> np.ndarray | None:
        """Which images go on so that they are enough; None if it is not worth it that any leaves."""
        if self._smallest is None:
            return None
        count = next_count(max(int(np.count_nonzero(keep)), self._smallest))
        if count > WORTH_LEAVING * len(keep):
            return None
        keep = keep.copy()
        keep[np.flatnonzero(~keep)[: count - np.count_nonzero(keep)]] = True
        return keep


def _rows_of(value: Any, rows: torch.Tensor) -> Any:
    if isinstance(value, Part):
        return Part(value.channels, rows_of(value.values, rows))
    return map_tensors(value, lambda tensor: rows_of(tensor, rows))
