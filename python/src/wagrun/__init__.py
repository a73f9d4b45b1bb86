"""Parts for a Wagtail site on AWS with wagrun: a database that sleeps, uploads in S3, the editor of each change.

Nothing is imported here, so that settings can import `wagrun.conf` before Django is set up.
"""

__version__ = "0.1.0"
