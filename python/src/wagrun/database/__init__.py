"""Django's PostgreSQL engine, for a server that pauses and that authenticates its clients by IAM.

The engine is `wagrun.database`. It adds one OPTION, `iam_region`: the engine signs a token for each
connection with the credentials of the process, instead of a password.
"""
