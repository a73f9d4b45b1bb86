"""Evaluates the policies of the templates, as IAM does."""
