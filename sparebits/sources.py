"""Which Python files of this project a script reaches, so that an edit re-runs what depends on it."""

import ast
from functools import cache
from pathlib import Path


def sources(script: str | Path, root: str | Path = ".") -> list[str]:
    """The modules of the project that a Python file imports, directly or through others, itself left out.

    Found by reading the files, not by running them: `import` statements anywhere in them, also inside functions, of
    modules that lie below `root`.

    Args:
        script: a Python file; paths in the result are relative to the working directory if `root` is.
        root: folder from which absolute imports are resolved.

    Returns:
        sorted paths.
    """
    reached: set[Path] = set()
    waiting = [Path(script)]
    while waiting:
        found = _imported_files(waiting.pop(), Path(root)) - reached
        reached |= found
        waiting += found
    return sorted(str(path) for path in reached - {Path(script)})


@cache
def _imported_files(file: Path, root: Path) -> frozenset[Path]:
    names = set()
    for node in ast.walk(ast.parse(file.read_bytes(), filename=str(file))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            # `from package import module` may name a module as well as an object.
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    files = set()
    for name in names:
        parts = name.split(".")
        # Importing a.b.c runs a and a.b as well.
        for length in range(1, len(parts) + 1):
            base = root.joinpath(*parts[:length])
            files |= {path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()}
    return frozenset(files)
