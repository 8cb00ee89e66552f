"""Grafana: files with dashboards, and servers."""
