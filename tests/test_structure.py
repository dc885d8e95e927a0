"""Rules of the house, read from the text of the package."""

import ast
from pathlib import Path

import pytest

import sklearn_linloss

PACKAGE = Path(sklearn_linloss.__file__).parent
# Who may import whom: each room those that stand before it, and what is in it.
ROOMS = [
    {"_version", "_typing"},
    {"_jit"},
    {"_kernels"},
    {
        "_flows",
        "_layout",
        "_losses",
        "_penalty",
        "_blas",
        "_compat",
        "_orbits",
        "_warn",
        "_log",
        "_laplacian",
    },
    {"losses", "_design", "_diagram", "_factor", "_free_features"},
    {"_objective"},
    {"_arrays", "_certificate", "_intercept"},
    {"_solvers"},
    {"_problem", "_empty_model", "_watch"},
    {"_fit"},
    {"_advice", "verification"},
    {"_audit"},
    {"_audited"},
    {"_predictor"},
    {"_base"},
    {"_svm", "_softmax"},
    {"_path", "_warmup", "_show_versions"},
    {"_search"},
    {"_cv_base"},
    {"_cv"},
    {"callbacks", "inspection", "onnx", "dask"},
    {"__init__"},
]


ESTIMATORS = ("_base", "_svm", "_softmax", "_cv_base", "_cv")


def sources():
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def relative_imports(path):
    """What a file imports from this package, inside functions too: where from, and
    which names.
    """
    package = list(path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level > 0:
            base = package[: len(package) - node.level + 1]
            base += node.module.split(".") if node.module else []
            yield base, [alias.name for alias in node.names]


def imported_rooms(path):
    for base, names in relative_imports(path):
        for room in base[:1] or names:
            is_room = (PACKAGE / room).is_dir() or (PACKAGE / f"{room}.py").exists()
            yield room if is_room else "__init__"


def test_the_developer_guide_shows_the_rooms():
    guide = (Path(__file__).parent.parent / "docs" / "developer.rst").read_text()
    after = guide.partition("and from no other:")[2]
    table = after.partition("code-block:: text\n\n")[2].partition("\n\n")[0]
    rows = [set(row.strip().split(", ")) for row in table.splitlines()]
    assert rows == [rooms for rooms in ROOMS[::-1] if rooms != {"__init__"}]


def test_every_file_has_a_room():
    assert {room_of(path) for path in sources()} == set().union(*ROOMS)


@pytest.mark.every_case
@pytest.mark.parametrize("path", sources(), ids=lambda path: path.stem)
def test_imports_run_one_way(path):
    level = {room: k for k, rooms in enumerate(ROOMS) for room in rooms}
    own = room_of(path)
    upward = {
        room
        for room in imported_rooms(path)
        if room != own and level[room] >= level[own]
    }
    assert not upward


def module_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def imported_modules(path, modules):
    for base, names in relative_imports(path):
        for name in names:
            inside = (*base, name)
            yield inside if inside in modules else tuple(base)


def test_imports_of_modules_have_no_circle():
    modules = {module_of(path) for path in sources()}
    waiting = {
        module_of(path): set(imported_modules(path, modules)) - {module_of(path)}
        for path in sources()
    }
    while waiting:
        free = {name for name, needs in waiting.items() if not needs & waiting.keys()}
        assert free, f"a circle among {sorted(waiting)}"
        waiting = {name: waiting[name] for name in waiting.keys() - free}


def compared(tree):
    """Attributes that a file compares with something."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                if isinstance(side, ast.Attribute):
                    yield side.attr


def test_no_loss_is_told_by_its_name():
    """Its attributes say what it is like; a name that nobody knows says nothing."""
    for path in sources():
        if room_of(path) != "_kernels":
            assert "name" not in set(compared(ast.parse(path.read_text()))), path


def test_integer_codes_of_losses_stay_with_the_kernels():
    for path in sources():
        if room_of(path) == "_kernels":
            continue
        names = {
            node.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Name)
        }
        assert not names & {"HINGE", "SQUARED_HINGE", "SOFTMAX"}, path


def test_only_a_design_knows_what_kind_x_is():
    """Others hold X without asking, or are told what its design can do."""
    arrays_only = {
        room for rooms in ROOMS[: ROOMS.index({"_fit"}) + 1] for room in rooms
    } - {"_design", "_kernels", "_jit", "_empty_model"}
    for path in sources():
        attributes = {
            node.attr
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute)
        }
        if room_of(path) != "_design":
            assert "is_sparse" not in attributes, path
        if room_of(path) in arrays_only:
            assert "issparse" not in attributes, path


def test_private_methods_of_estimators_are_called_where_they_are_defined():
    """Others use the functions of `_base`, `_problem` and `_fit`."""
    estimators = [PACKAGE / f"{name}.py" for name in ESTIMATORS]
    private = {
        node.name
        for path in estimators
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        and [argument.arg for argument in node.args.args][:1] == ["self"]
        and node.name.startswith("_")
        and not node.name.startswith("__")
    }
    assert "_loss" in private
    for path in sources():
        if path in estimators:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in private:
                assert isinstance(node.value, ast.Name), (path, node.attr)
                assert node.value.id in ("self", "cls"), (path, node.attr)


def test_no_file_is_longer_than_a_reader_holds():
    for path in sources():
        assert len(path.read_text().splitlines()) <= 600, path


def test_numba_has_one_door():
    for path in sources():
        if room_of(path) in ("_kernels", "_jit"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module]
            assert not any(name.split(".")[0] == "numba" for name in modules), path


def test_certificates_are_verified_by_numpy_and_scipy_alone():
    """An auditor who does not trust this package need not import it."""
    tree = ast.parse((PACKAGE / "verification.py").read_text())
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            modules.add(node.module)
    of_python = {"hashlib", "collections.abc", "dataclasses", "typing"}
    assert modules - of_python == {"numpy", "numpy.typing", "scipy", "scipy.special"}
