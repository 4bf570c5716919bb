"""Data flows in one direction: every import in edgevid points to a layer above its own, or into its own folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parent.parent / "edgevid"

# From the top: each line is one layer, whose parts may use one another.
LAYERS = [
    ("errors", "frames", "pace", "prediction", "calibration", "support"),
    ("tflite",),
    ("bundles",),
    ("sources",),
    ("sampling",),
    ("embedders",),
    ("classifiers",),
    ("events",),
    ("stream",),
    ("following",),
    ("teachable",),
    ("recognizer", "loading", "offline"),
    ("runner",),
    ("outputs",),
    ("benchmarking",),
    ("datasets",),
    ("recording",),
    ("extraction",),
    ("teaching",),
    ("evaluation",),
    ("training",),
    ("cli", "__main__"),
]
PLACE = {name: place for place, names in enumerate(LAYERS) for name in names}

# A recogniser starts runners and learns through teaching, which both use recognisers. So it imports them only when needed, and
# for their types.
IMPORTS_LATER = {
    ("recognizer", "start"): {"runner"},
    ("recognizer", "start_many"): {"runner"},
    ("recognizer", "TYPE_CHECKING"): {"runner"},
    ("teachable", "_taught"): {"teaching"},
    ("teachable", "TYPE_CHECKING"): {"recognizer", "teaching"},
}

# Libraries that may be missing where clips are only embedded and models only evaluated
HEAVY = {"keras", "tensorflow"}
WITHOUT_HEAVY = ("datasets", "recording", "extraction", "teaching", "evaluation")

MOST_LINES = 400


class Import(NamedTuple):
    """An import of a name, in full.

    ``inside``: the functions that contain it, outermost first; ``"TYPE_CHECKING"`` if only type checkers see it.
    """

    module: str
    name: str
    line: int
    inside: tuple[str, ...]


def modules() -> dict[str, Path]:
    """``"sampling.clip"`` -> its file; a folder's ``__init__`` by the folder's name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


def imports_of(module: str, path: Path) -> Iterator[Import]:
    """All imports of a module, inside functions too."""
    package = ["edgevid", *module.split(".")] if module else ["edgevid"]
    if path.name != "__init__.py":
        package = package[:-1]

    def walk(node: ast.AST, inside: tuple[str, ...]) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(module, alias.name, child.lineno, inside)
            elif isinstance(child, ast.ImportFrom):
                above = package[: len(package) - child.level + 1] if child.level else []
                name = ".".join([*above, *filter(None, [child.module])])
                for alias in child.names:
                    # `from . import x` names a module, `from .x import y` as a rule not
                    yield Import(module, f"{name}.{alias.name}", child.lineno, inside)
            deeper = inside
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                deeper = (*inside, child.name)
            elif isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
                deeper = (*inside, "TYPE_CHECKING")
            yield from walk(child, deeper)

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), ())


def every_import() -> list[Import]:
    return [one for module, path in modules().items() if module for one in imports_of(module, path)]


def layer_of(name: str) -> str:
    """``"edgevid.sampling.clip"`` or ``"sampling.clip"`` -> ``"sampling"``."""
    return name.removeprefix("edgevid.").split(".")[0]


def points_down(one: Import) -> bool:
    """Whether an import points to a layer that comes later than its own."""
    if not one.name.startswith("edgevid.") or one.name == "edgevid.__version__":
        return False
    if one.inside and (layer_of(one.module), one.inside[-1]) in IMPORTS_LATER:
        return layer_of(one.name) not in IMPORTS_LATER[layer_of(one.module), one.inside[-1]]
    # a layer that is not in the list is wrong, too
    return PLACE.get(layer_of(one.name), len(LAYERS)) > PLACE[layer_of(one.module)]


def test_the_reader_of_imports_sees_all_kinds(tmp_path: Path):
    path = tmp_path / "clip.py"
    path.write_text(
        "import os\nfrom ..frames import Frame\nfrom . import clock\n"
        "class A:\n    def f(self):\n        from ..cli.main import x, y\n        import edgevid.runner\n"
        "if TYPE_CHECKING:\n    from ..stream import Stream\n"
    )
    assert [(one.name, one.inside) for one in imports_of("sampling.clip", path)] == [
        ("os", ()),
        ("edgevid.frames.Frame", ()),
        ("edgevid.sampling.clock", ()),
        ("edgevid.cli.main.x", ("f",)),
        ("edgevid.cli.main.y", ("f",)),
        ("edgevid.runner", ("f",)),
        ("edgevid.stream.Stream", ("TYPE_CHECKING",)),
    ]


def test_every_module_has_a_layer():
    assert {layer_of(module) for module in modules() if module} <= set(PLACE)


def test_every_import_points_up():
    found = [f"edgevid.{one.module}, line {one.line}: {one.name}" for one in every_import() if points_down(one)]
    assert not found, "\n".join(found)


def test_data_sets_extraction_and_evaluation_need_neither_keras_nor_tensorflow():
    for one in every_import():
        if layer_of(one.module) in WITHOUT_HEAVY:
            assert one.name.split(".")[0] not in HEAVY, one


@pytest.mark.parametrize("path", [pytest.param(path, id=module or "__init__") for module, path in modules().items()])
def test_no_module_is_longer_than_can_be_taken_in(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
