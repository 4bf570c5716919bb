"""Checks graphs that call others: each exists and fits, none calls itself, and loops end."""

from __future__ import annotations

from collections.abc import Sequence

from .flatbuffer import Node, Subgraph, has_shape, integers

_MOST_TURNS = 100_000
# Operators, by their numbers in the format
_ADD, _LESS, _AND, _IF, _WHILE = 0, 58, 86, 118, 119


class GraphError(Exception):
    """A problem in a graph; the message describes it."""


def check_calls(graphs: Sequence[Subgraph]) -> None:
    """Check called graphs: each exists, fits, and does not call its callers; and loops end."""
    calls: dict[int, set[int]] = {number: set() for number in range(len(graphs))}
    for number, graph in enumerate(graphs):
        for node in graph.nodes:
            if node.code not in (_IF, _WHILE) or node.options is None:
                continue
            called = [node.options.number(0), node.options.number(1)]
            for other in called:
                if not 0 < other < len(graphs):
                    raise GraphError(f"graph {other} of {len(graphs)} is called")
                calls[number].add(other)
            if node.code == _WHILE:
                _check_loop(graph, node, graphs[called[0]], graphs[called[1]])
            else:
                for branch in (graphs[called[0]], graphs[called[1]]):
                    if len(branch.inputs) != len(node.inputs) - 1 or len(branch.outputs) != len(node.outputs):
                        raise GraphError("a branch has other operands than are given to it")
    for number in calls:
        reached, waiting = set(), list(calls[number])
        while waiting:
            other = waiting.pop()
            if other == number:
                raise GraphError("a graph calls itself")
            if other not in reached:
                reached.add(other)
                waiting += calls[other]


def _check_loop(graph: Subgraph, node: Node, condition: Subgraph, body: Subgraph) -> None:
    """Check that a loop ends: it counts up to a limit, by 1 or more, and neither is changed otherwise."""
    carried = len(node.inputs)
    if not len(condition.inputs) == len(body.inputs) == len(body.outputs) == len(node.outputs) == carried:
        raise GraphError("a loop has other operands than its body")
    for number, inside, after, result in zip(node.inputs, body.inputs, body.outputs, node.outputs):
        tensors = [graph.tensors[number], body.tensors[inside], body.tensors[after], graph.tensors[result]]
        shapes = {tensor.shape or () for tensor in tensors if has_shape(tensor)}
        if len(shapes) > 1 or len({tensor.kind for tensor in tensors}) > 1:
            raise GraphError(f"a loop changes the shape of what it carries: {sorted(map(list, shapes))}")
    if len(condition.outputs) != 1:
        raise GraphError("the condition of a loop is not one")
    makers = {output: one for one in condition.nodes for output in one.outputs}
    waiting = [condition.outputs[0]]
    while waiting:
        made = makers.get(waiting.pop())
        if made is None:
            continue
        if made.code == _AND:
            waiting += made.inputs
        elif made.code == _LESS and _ends(graph, node, condition, body, made):
            return
    raise GraphError("it has a loop whose end cannot be told")


def _ends(graph: Subgraph, node: Node, condition: Subgraph, body: Subgraph, less: Node) -> bool:
    counter, limit = less.inputs
    if counter not in condition.inputs:
        return False
    place = condition.inputs.index(counter)
    step = next((one for one in body.nodes if body.outputs[place] in one.outputs), None)
    if step is None or step.code != _ADD or body.inputs[place] not in step.inputs:
        return False
    by = [number for number in step.inputs if number != body.inputs[place]]
    steps = integers(body.tensors[by[0]]) if by else None
    start = integers(graph.tensors[node.inputs[place]])
    if steps is None or len(steps) != 1 or steps[0] < 1 or start is None or min(start, default=0) < 0:
        return False
    if limit not in condition.inputs:
        most = integers(condition.tensors[limit])
    else:
        other = condition.inputs.index(limit)
        if body.outputs[other] != body.inputs[other]:
            return False
        most = integers(graph.tensors[node.inputs[other]])
    # A computed limit is usually the length of an input.
    return most is None or max(most, default=0) <= _MOST_TURNS
