"""
PostgreSQL as Django knows it, on a server that sleeps and that knows its clients by IAM.

The engine is `website.database`, the only OPTION of its own `iam_region`: sign a token for each connection with the
credentials of the process, instead of a password.
"""
