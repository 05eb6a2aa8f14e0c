"""The benchmark: what publishing costs a scan, beside what a user would take instead.

`python -m tests.bench` (or `make bench`) runs every measurement against a Redis of its own,
prints a table of ratios and writes `build/bench.json`; `--only WORD` runs a part. Each side
lives in a process of its own; the sides take turns, round by round, and medians count.
"""
