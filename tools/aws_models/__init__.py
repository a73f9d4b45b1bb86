"""Checks requests to AWS against AWS's own service models, those that botocore brings.

`decode` makes an operation and its parameters of an HTTP request, as the service's protocol says, and `validate` holds the
parameters against the model. `emulator` starts the emulator with this in front; `tools/check_requests.py` reads the requests
that tests without an emulator have recorded.
"""
