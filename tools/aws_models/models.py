"""botocore's service models, and the names that things have on the wire."""

import functools

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ServiceModel

# The services whose name in a signature is not botocore's name of them.
BY_SIGNING_NAME = {"monitoring": "cloudwatch"}

_loader = Loader()


@functools.cache
def service(signing_name):
    """The model of the service that signs by this name; None if botocore knows none."""
    name = BY_SIGNING_NAME.get(signing_name, signing_name)
    try:
        return ServiceModel(_loader.load_service_model(name, "service-2"), name)
    except UnknownServiceError:
        return None


def protocols(model):
    """Every protocol that a service speaks."""
    return model.metadata.get("protocols") or [model.metadata["protocol"]]


@functools.cache
def members(structure):
    """The members of a structure by their name on the wire: (the model's name, the shape)."""
    return {shape.serialization.get("name", name): (name, shape) for name, shape in structure.members.items()}


def location(shape):
    """Where a REST protocol puts a member: uri, querystring, header, headers, statusCode, or None for the body."""
    return shape.serialization.get("location")


def is_flattened(shape):
    return bool(shape.serialization.get("flattened"))
