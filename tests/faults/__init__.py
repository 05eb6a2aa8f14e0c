"""Faults on purpose: a real Redis behind a proxy, a real MacroServer that scans through it.

`python -m tests.faults --seeds 20` (the verb `make faults`) runs each kind with as many
seeds; the seed of each run is printed and can be given again with `--seed`.
"""
