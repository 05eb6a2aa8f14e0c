"""Grafana dashboards as Python; `make dashboards` writes the chart's JSON files from it."""
