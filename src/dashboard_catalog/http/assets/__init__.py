"""Dashboards and charts: single ones, and many in one request."""
