"""The service models of botocore, and the names of their members on the wire."""

import functools

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ServiceModel

# The services whose signing name differs from botocore's name.
BY_SIGNING_NAME = {"monitoring": "cloudwatch"}

_loader = Loader()


@functools.cache
def service(signing_name):
    """Returns the model of the service with this signing name, or None if botocore does not know it."""
    name = BY_SIGNING_NAME.get(signing_name, signing_name)
    try:
        return ServiceModel(_loader.load_service_model(name, "service-2"), name)
    except UnknownServiceError:
        return None


def protocols(model):
    """Returns every protocol of a service."""
    return model.metadata.get("protocols") or [model.metadata["protocol"]]


@functools.cache
def members(structure):
    """Returns the members of a structure by their name on the wire: (name in the model, shape)."""
    return {shape.serialization.get("name", name): (name, shape) for name, shape in structure.members.items()}


def location(shape):
    """Returns the place of a member in a REST protocol: uri, querystring, header, headers, statusCode, or None for the body."""
    return shape.serialization.get("location")


def is_flattened(shape):
    return bool(shape.serialization.get("flattened"))
