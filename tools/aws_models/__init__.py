"""Checks requests to AWS against the service models of AWS, which botocore has.

`decode` reads an operation and its parameters from an HTTP request, by the protocol of the service. `validate` checks the
parameters against the model. `emulator` starts the emulator behind this check. `tools/check_requests.py` reads the requests
that tests without an emulator have recorded.
"""
