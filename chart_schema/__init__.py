"""What of the Helm chart is made by a program: the schema of its values.

The settings of our processes stand in the chart's values under `config`; their part of the schema
comes from the models, so that Helm refuses what a process would refuse.
"""

from __future__ import annotations

from chart_schema._schema import CHART, CHART_SETS, values_schema

__all__ = ["CHART", "CHART_SETS", "values_schema"]
