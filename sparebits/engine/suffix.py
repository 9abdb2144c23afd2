"""Inference with a local fault: only the steps that it reaches, on the images that it can still change."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sparebits.engine.bounds import Bounds
from sparebits.engine.channels import ChannelRuns
from sparebits.engine.differences import differ, distances
from sparebits.engine.golden import GoldenBatch, rows_of, selected
from sparebits.engine.graph import Graph, map_tensors, tensors_in
from sparebits.engine.leaving import next_count
from sparebits.parameters import FlatParameters

WORTH_LEAVING = 0.9
"""Images leave only if at most this share of them would stay: copying the others costs as well."""


@dataclass(frozen=True)
class Route:
    """The steps that a fault reaches.

    Attributes:
        places: in the order of execution.
        last_use: of each place that is reached, the place of the last of these steps that takes its result.
        cuts: places after which images are compared with golden, as a costly step follows, and the places whose results
            are then still to be taken.
        following: by cut, the places that are still to be run.
    """

    places: tuple[int, ...]
    last_use: dict[int, int]
    cuts: dict[int, tuple[int, ...]]
    following: dict[int, tuple[int, ...]]


@dataclass(frozen=True)
class Part:
    """Some channels of a step's result, where all others are golden."""

    channels: np.ndarray
    values: torch.Tensor


class SuffixRuns:
    """Predictions under faults for one batch of images, from its golden results."""

    def __init__(
        self,
        graph: Graph,
        parameters: FlatParameters,
        channel_runs: ChannelRuns,
        bounds: Bounds | None,
        smallest_batch: int | None,
        whole: frozenset[int] = frozenset(),
    ):
        """Prepare.

        Args:
            bounds: on what changes may come to, or None to do without.
            smallest_batch: fewest images from which on results do not depend on their number; None if they always may,
                so that no image leaves.
            whole: places of steps that are run for the whole batch, whoever left.
        """
        self._graph, self._parameters = graph, parameters
        self._channel_runs, self._bounds = channel_runs, bounds
        self._smallest, self._whole_steps = smallest_batch, whole
        self._routes: dict[tuple[int, ...], Route] = {}
        self._slacks: dict[tuple[tuple[int, ...], int], torch.Tensor] = {}
        self._golden: GoldenBatch | None = None

    def start(self, golden: GoldenBatch) -> None:
        """Take up a batch; the parameters are untouched."""
        self._golden = golden
        self._slacks.clear()
        if self._bounds is not None:
            self._bounds.start(golden)

    def predict(self, indices: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Classes, int64 (images,), and whether a logit is NaN, (images,), with some words XORed with masks."""
        golden = self._golden
        hit = self._parameters.tensors_at(indices)
        readers = tuple(self._graph.readers_of(tuple(hit)))
        route = self._route(readers)
        # What has to be tried with untouched parameters.
        parts = self._parts(readers, route, hit)
        self._parameters.flip(indices, masks)
        try:
            found = self._follow(route, parts)
        finally:
            self._parameters.flip(indices, masks)
        predicted, nan = golden.predicted.copy(), golden.nan.copy()
        if found is not None:
            rows, logits = found
            chosen = slice(None) if rows is None else rows.cpu().numpy()
            predicted[chosen] = logits.argmax(dim=1).cpu().numpy()
            nan[chosen] = logits.isnan().any(dim=1).cpu().numpy()
        return predicted, nan

    def _route(self, readers: tuple[int, ...]) -> Route:
        if readers not in self._routes:
            self._routes[readers] = self._plan(readers)
        return self._routes[readers]

    def _plan(self, readers: tuple[int, ...]) -> Route:
        kinds, graph = self._golden.kinds, self._graph
        reached = set(readers)
        for step in graph.steps:
            if step.place not in kinds.numbers and reached.intersection(step.inputs):
                reached.add(step.place)
        places = tuple(sorted(reached))
        last_use = {
            place: max((user for user in graph.users[place] if user in reached), default=place) for place in places
        }
        cuts, following = {}, {}
        for number, place in enumerate(places[:-1]):
            is_cut = any(user in reached and self._is_costly(user) for user in graph.users[place])
            if is_cut and all(reader <= place for reader in readers):
                cuts[place] = tuple(
                    other for other in places[: number + 1] if last_use[other] > place or other == place
                )
                following[place] = places[number + 1 :]
        return Route(places, last_use, cuts, following)

    def _is_costly(self, place: int) -> bool:
        """Whether a step has a matrix of parameters."""
        module = self._graph.steps[place].module
        return module is not None and any(parameter.dim() > 1 for parameter in module.parameters())

    def _parts(self, readers: tuple[int, ...], route: Route, hit: dict[str, np.ndarray]) -> dict[int, np.ndarray]:
        """By place the channels that a step is re-run for, of the steps that need not be run whole."""
        if len(readers) != 1:
            return {}
        step = self._graph.steps[readers[0]]
        channels = self._channel_runs.channels_hit(step, {name.rpartition(".")[2]: at for name, at in hit.items()})
        if channels is None or not self._channel_runs.agrees(step, self._golden):
            return {}
        parts = {step.place: channels}
        for place in route.places[1:]:
            following = self._graph.steps[place]
            if (
                following.inputs != (next(reversed(parts)),)
                or not self._channel_runs.passes_channels(following)
                or not self._channel_runs.agrees(following, self._golden)
            ):
                break
            parts[place] = channels
        return parts

    def _follow(self, route: Route, parts: dict[int, np.ndarray]) -> tuple[torch.Tensor | None, torch.Tensor] | None:
        """Rows and logits of the images that may differ from golden; no rows are all, None is no image."""
        golden, graph = self._golden, self._graph
        rows: torch.Tensor | None = None
        changed: dict[int, Any] = {}
        clean: dict[int, Any] = {}
        known: dict[int, tuple[np.ndarray, torch.Tensor | None]] = {}

        def lookup(place: int) -> Any:
            if place in changed:
                if isinstance(changed[place], Part):
                    changed[place] = self._whole(place, changed[place], rows)
                return changed[place]
            if place not in clean:
                clean[place] = golden.rows(place, rows)
            return clean[place]

        for place in route.places:
            step = graph.steps[place]
            if place in parts:
                before = changed.get(step.inputs[0])
                if before is None:
                    taken = self._channel_runs.takes(step, parts[place], lookup(step.inputs[0]))
                else:
                    taken = before.values
                changed[place] = Part(parts[place], self._channel_runs.run(step, parts[place], taken))
            elif step.is_relu and route.last_use.get(step.inputs[0]) == place:
                # Nobody else takes what is overwritten, and it is not golden.
                changed[place] = lookup(step.inputs[0]).relu_()
            elif rows is not None and place in self._whole_steps:
                changed[place] = self._run_for_all(place, lookup, changed, rows)
            else:
                changed[place] = graph.run(place, lookup)
            for used in step.inputs:
                if used in changed and route.last_use[used] <= place:
                    del changed[used]
            if place in route.cuts:
                keep = self._may_differ(route, place, changed, known, rows)
                if not keep.any():
                    return None
                keep = self._enough(keep)
                if keep is not None:
                    kept = selected(keep, inputs_device(golden))
                    rows = kept if rows is None else rows[kept]
                    changed = {other: _rows_of(value, kept) for other, value in changed.items()}
                    known = {
                        other: (moved[keep], None if far is None else far[kept])
                        for other, (moved, far) in known.items()
                    }
                    clean.clear()
        logits = lookup(graph.last)
        return rows, logits

    def _run_for_all(
        self, place: int, lookup: Callable[[int], Any], changed: dict[int, Any], rows: torch.Tensor
    ) -> Any:
        """A step's result for some images, of a run for all of them, of whom the others are golden."""

        def lookup_all(other: int) -> Any:
            everything = self._golden.results[other]
            return everything.index_copy(0, rows, lookup(other)) if other in changed else everything

        return rows_of(self._graph.run(place, lookup_all), rows)

    def _whole(self, place: int, part: Part, rows: torch.Tensor | None) -> torch.Tensor:
        base = self._golden.results[place]
        whole = base.clone() if rows is None else rows_of(base, rows)
        whole[:, torch.from_numpy(part.channels).to(whole.device)] = part.values
        return whole

    def _may_differ(
        self,
        route: Route,
        place: int,
        changed: dict[int, Any],
        known: dict[int, tuple[np.ndarray, torch.Tensor | None]],
        rows: torch.Tensor | None,
    ) -> np.ndarray:
        """Of the images that are left, those whose class may come out other than golden.

        Args:
            place: of a cut.
            changed: results that are not golden.
            known: of results that were compared with golden before, which images differ and how far; added to.
            rows: the images.
        """
        slack = None if self._bounds is None else self._slack(route, place, rows)
        hopeless = slack is None or not bool((slack > 0).any())
        differs = np.zeros(self._golden.images if rows is None else len(rows), dtype=bool)
        for other in route.cuts[place]:
            if other not in known:
                pairs = self._beside_golden(other, changed[other], rows)
                moved = np.logical_or.reduce([differ(new, old) for new, old in pairs])
                known[other] = (moved, None)
            moved, far = known[other]
            if far is None and not hopeless and moved.any():
                pairs = self._beside_golden(other, changed[other], rows)
                far = sum(distances(new, old) for new, old in pairs)
                known[other] = (moved, far)
            differs |= moved
            if not hopeless and moved.any():
                slack = slack - self._bounds.amplification(other, place) * far
        if not hopeless:
            # NaN compares as false.
            differs &= ~(slack > 0).cpu().numpy()
        return differs

    def _slack(self, route: Route, place: int, rows: torch.Tensor | None) -> torch.Tensor:
        slack = self._slacks.get((route.places, place))
        if slack is None:
            slack = self._slacks[route.places, place] = self._bounds.slack(route.following[place])
        return slack if rows is None else slack[rows]

    def _beside_golden(
        self, place: int, value: Any, rows: torch.Tensor | None
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """A result's tensors, each with golden's for the same images and channels."""
        if not isinstance(value, Part):
            return list(zip(tensors_in(value), tensors_in(self._golden.rows(place, rows)), strict=True))
        old = self._golden.results[place][:, torch.from_numpy(value.channels).to(value.values.device)]
        return [(value.values, old if rows is None else rows_of(old, rows))]

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


def inputs_device(golden: GoldenBatch) -> torch.device:
    """Where a batch lies."""
    return golden.results[0].device
