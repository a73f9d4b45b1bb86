"""Computes the costs of a deployment from prices and assumptions, as the tables of docs/costs.md."""
