"""What the deployment relies on; none of it needs a database or AWS."""
