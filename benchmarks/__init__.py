"""Measurements that anyone can repeat: each is a command that prints JSON and checks its answers.

python -m benchmarks.timing.classic --json
"""
