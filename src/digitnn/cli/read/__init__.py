"""`digitnn read`: its options, its inputs, its work in threads, its output."""

from digitnn.cli.read.command import read

__all__ = ["read"]
