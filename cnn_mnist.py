"""Train the convolutional network on MNIST with PyTorch, then print its test accuracy.

    python cnn_mnist.py --epochs 2 --seed 0 --out runs/my-cnn

It is `digitnn train cnn` and then `digitnn evaluate --split test`: the run's folder and the
accuracy go to stdout, progress to stderr. Ctrl-C ends the training early and keeps the run; the
test split is then left unread.
"""

try:
    import typer

    from digitnn.cli.app import run_program
    from digitnn.cli.evaluate import evaluate
    from digitnn.cli.options import DataDir, EpochsOption, SeedOption
    from digitnn.cli.train import OutOption, train
    from digitnn.runs.run import default_path
except ModuleNotFoundError as error:
    raise SystemExit(
        f"error: {error.name} is not installed: "
        "run `make setup`, then .venv/bin/python cnn_mnist.py"
    ) from None

RECIPE, ENGINE = "cnn", "pytorch"
program = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@program.command()
def cnn_mnist(
    epochs: EpochsOption = None,
    seed: SeedOption = 0,
    out: OutOption = None,
    data_dir: DataDir = None,
) -> None:
    """Train the convolutional network on MNIST with PyTorch, then print its test accuracy."""
    run = out or default_path(RECIPE, ENGINE, seed)
    train(RECIPE, ENGINE, epochs, seed, run, data_dir=data_dir)
    evaluate(run, "test", data_dir=data_dir)


if __name__ == "__main__":
    raise SystemExit(run_program(program, "cnn_mnist.py"))
