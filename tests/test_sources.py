"""What a script is said to import against what Python loads when it imports the script."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sparebits.sources import sources

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(f"scripts/{script.name}" for script in (ROOT / "scripts").glob("*.py") if script.stem != "__init__")

# Installed packages take seconds to import, so they are imported once; each script gets a fork without the project.
LISTING = """
import importlib, json, os, sys
for package in ("torch", "torchvision", "pandas", "scipy.stats", "jsonschema", "altair", "sklearn.datasets"):
    try:
        importlib.import_module(package)
    except ImportError:
        pass
for name in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        importlib.import_module(name)
        files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        print(json.dumps([name, [file for file in files if file]]), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{name} cannot be imported")
"""


@pytest.fixture(scope="module")
def loaded_by_script():
    """Files of the project that are loaded when a Python without any of them imports a script, by script."""
    modules = {script.removesuffix(".py").replace("/", "."): script for script in SCRIPTS}
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", LISTING, *modules]
    lines = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    listed = {}
    for name, files in map(json.loads, lines.splitlines()):
        below = [os.path.relpath(file, ROOT) for file in files if Path(file).is_relative_to(ROOT)]
        listed[modules[name]] = {file for file in below if not file.startswith(".venv")}
    assert sorted(listed) == SCRIPTS
    return listed


def test_every_script_loads_only_what_its_sources_name(loaded_by_script, monkeypatch):
    monkeypatch.chdir(ROOT)
    missing = {script: files - {script, *sources(script)} for script, files in loaded_by_script.items()}
    assert missing == {script: set() for script in SCRIPTS}
    # The listing itself does see the project.
    assert all({script, "sparebits/__init__.py"} <= files for script, files in loaded_by_script.items())


def test_sources_exist_are_sorted_and_leave_out_the_script(monkeypatch):
    monkeypatch.chdir(ROOT)
    for script in SCRIPTS:
        found = sources(script)
        assert found == sorted(set(found))
        assert script not in found
        assert all(Path(file).is_file() for file in found)


def test_a_script_does_not_depend_on_everything(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert "sparebits/evaluation.py" in sources("scripts/sweep_lsb.py")
    assert "sparebits/statistics/intervals.py" in sources("scripts/sweep_lsb.py")
    assert "sparebits/evaluation.py" not in sources("scripts/choose_ecc.py")
    assert "sparebits/training.py" not in sources("scripts/sweep_lsb.py")


def test_every_way_of_importing_is_followed(tmp_path):
    files = {
        "script.py": "import os\nimport package.first\nfrom package import second\nfrom package.third import name\n"
        "def later():\n    import package.inner.fourth as alias\n    from lonely import thing\n",
        "package/__init__.py": "",
        "package/first.py": "from package import fifth\n",
        "package/second.py": "import script\n",
        "package/third.py": "name = 1\n",
        "package/fifth.py": "import package.first\n",
        "package/unused.py": "import os\n",
        "package/inner/__init__.py": "",
        "package/inner/fourth.py": "",
        "lonely.py": "thing = 1\n",
        "os.txt": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = {str(Path(file).relative_to(tmp_path)) for file in sources(tmp_path / "script.py", tmp_path)}
    expected = {name for name in files if name.endswith(".py")} - {"script.py", "package/unused.py"}
    assert found == expected


def test_an_edit_that_adds_an_import_is_seen(tmp_path):
    (tmp_path / "extra.py").write_text("")
    (tmp_path / "first.py").write_text("import os\n")
    (tmp_path / "second.py").write_text("import os\nimport extra\n")
    assert sources(tmp_path / "first.py", tmp_path) == []
    assert sources(tmp_path / "second.py", tmp_path) == [str(tmp_path / "extra.py")]
