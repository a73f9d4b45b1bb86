"""Evaluates the policies of the templates: who may do what by them, and who may not."""
