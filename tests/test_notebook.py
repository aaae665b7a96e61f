"""The teaching notebook: clean as committed, and right when it runs from top to bottom."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec
from nbclient import NotebookClient
from nbformat import NotebookNode

pytestmark = pytest.mark.slow

NOTEBOOK = Path(__file__).parents[1] / "mnist_nn_fromscratch.ipynb"


@pytest.fixture
def notebook() -> NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def sources(notebook: NotebookNode, kind: str) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def printed(notebook: NotebookNode) -> str:
    return "".join(output.text for output in outputs(notebook) if output.output_type == "stream")


def numbers_after(words: str, text: str) -> list[float]:
    """Every number that follows `words`."""
    return [float(number) for number in re.findall(rf"{words}:? +([\d.]+(?:e[-+]\d+)?)", text)]


def test_it_is_valid_and_committed_without_outputs(notebook):
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert outputs(notebook) == []
    assert {cell.execution_count for cell in notebook.cells if cell.cell_type == "code"} == {None}


def test_its_equations_are_numbered_in_order_and_no_reference_is_to_a_missing_one(notebook):
    text = "\n".join(sources(notebook, "markdown"))
    tags = [int(tag) for tag in re.findall(r"\\tag\{(\d+)\}", text)]
    assert tags == list(range(1, len(tags) + 1))
    without_mathematics = re.sub(r"\$\$.*?\$\$|\$.*?\$", "", text, flags=re.DOTALL)
    references = {int(number) for number in re.findall(r"\((\d+)\)", without_mathematics)}
    assert references
    assert references <= set(tags)


def test_it_reads_the_test_split_in_one_cell_after_all_choices(notebook):
    reading = [n for n, cell in enumerate(notebook.cells) if '"test"' in cell.source]
    assert len(reading) == 1
    headline = next(n for n, cell in enumerate(notebook.cells) if "The test, once" in cell.source)
    assert reading == [headline + 1]


@pytest.mark.real_data
def test_it_runs_from_top_to_bottom_and_its_figures_are_right(notebook, tmp_path, monkeypatch):
    # A kernel of this very interpreter, whatever other kernels the machine offers.
    write_kernel_spec(str(tmp_path / "kernels" / "python3"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    where = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()

    text = printed(notebook)
    assert {output.name for output in outputs(notebook) if output.output_type == "stream"} == {
        "stdout"
    }
    assert "the library keeps the same as equation (1): True" in text
    (logits,) = numbers_after("largest difference from our logits", text)
    assert logits < 1e-12
    (finite_difference,) = numbers_after("relative difference", text)
    assert finite_difference < 1e-8
    by_parameter = numbers_after("relative difference from the library", text)
    assert len(by_parameter) == 4
    assert max(by_parameter) < 1e-12
    losses = re.search(r"equation \(6\) ([\d.]+), library ([\d.]+)", text)
    penalised = re.search(r"library ([\d.]+), ours ([\d.]+)", text)
    for pair in (losses, penalised):
        assert pair is not None
        assert float(pair[1]) == pytest.approx(float(pair[2]), abs=2e-5)
    assert numbers_after("validation accuracy", text)[0] > 95
    (test_accuracy,) = numbers_after("test accuracy", text)
    assert 95 < test_accuracy < 99
    drawn = [output for output in outputs(notebook) if "image/png" in output.get("data", {})]
    assert len(drawn) == 10


def test_jupyter_notebook_is_installed_beside_the_kernel():
    command = [sys.executable, "-m", "jupyter", "notebook", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
