"""Which steps a fault reaches, and where on the way images can leave."""

from dataclasses import dataclass

from sparebits.engine.fused import Group
from sparebits.engine.golden import StepKinds
from sparebits.engine.graph import Graph


@dataclass(frozen=True, eq=False)
class Route:
    """The steps that a fault reaches.

    Attributes:
        places: in the order of execution.
        last_use: of each place that is reached, the place of the last of these steps that takes its result.
        cuts: places after which images are compared with golden, as a costly step follows, and the places whose results
            are then still to be taken.
        following: by cut, the places that are still to be run.
        groups: by place the group of steps that it is in, of groups that can be run at once.
    """

    places: tuple[int, ...]
    last_use: dict[int, int]
    cuts: dict[int, tuple[int, ...]]
    following: dict[int, tuple[int, ...]]
    groups: dict[int, Group]


def plan_route(graph: Graph, kinds: StepKinds, readers: tuple[int, ...], groups: list[Group]) -> Route:
    """The route of a fault.

    Args:
        readers: places of the steps that read what is hit.
        groups: that may be run at once.
    """
    places = tuple(graph.reached_from(readers, without=kinds.numbers))
    reached = set(places)
    last_use = {place: max((user for user in graph.users[place] if user in reached), default=place) for place in places}
    cuts, following = {}, {}
    for number, place in enumerate(places[:-1]):
        is_cut = any(user in reached and _is_costly(graph, user) for user in graph.users[place])
        if is_cut and all(reader <= place for reader in readers):
            live = tuple(other for other in places[: number + 1] if last_use[other] > place or other == place)
            # What is the same for all images reaches all of them.
            if not kinds.constants.intersection(live):
                cuts[place], following[place] = live, places[number + 1 :]
    in_groups = {
        place: group
        for group in groups
        # What is overwritten is not golden, and nothing asks for the results in between.
        if group.source in reached and not any(group.batchnorm <= cut < group.last for cut in cuts)
        for place in group.places
    }
    return Route(places, last_use, cuts, following, in_groups)


def _is_costly(graph: Graph, place: int) -> bool:
    """Whether a step has a matrix of parameters."""
    module = graph.steps[place].module
    return module is not None and any(parameter.dim() > 1 for parameter in module.parameters())
