"""Tests the compiled deliver against hostile subscribers, names and receivers: python -m hostile DELIVER [TEST...]

The tests of addresses run in a network namespace of this process. Where the kernel does not let a user create one, they fail,
or are reported as not run with NAMESPACE=optional.
"""

import os
import sys
import unittest

from . import namespace, network
from .function import HEADER_TOKEN, SECRET, URL_TOKEN, record_secrets

PACKAGE = __package__


def main(program, names):
    record_secrets(Signing=SECRET, Header=HEADER_TOKEN, Url=URL_TOKEN)
    os.environ["DELIVER"] = os.path.abspath(program)
    modules = ["test_headers", "test_receivers", "test_tls"]
    try:
        namespace.enter(network.NAMESERVER, network.HOSTS)
        network.world = network.World()
        modules.append("test_addresses")
    except namespace.Unavailable as error:
        missing = f"NOT RUN: the tests of hostile addresses, because this machine has no namespaces for users: {error}"
    else:
        missing = None
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{name}*" for name in names] or None
    suite = loader.loadTestsFromNames([f"{PACKAGE}.{module}" for module in modules])
    result = unittest.TextTestRunner(verbosity=2, failfast=True).run(suite)
    if missing:
        print(f"\n{'!' * 100}\n{missing}\n{'!' * 100}", file=sys.stderr, flush=True)
        if os.environ.get("NAMESPACE") != "optional":
            return 1
    return 0 if result.wasSuccessful() and result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
