"""The comments of the contract, from the descriptor set in the package."""

import re
from importlib.resources import files

from google.protobuf.descriptor_pb2 import EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet

_ENUMS_OF_FILE = FileDescriptorProto.ENUM_TYPE_FIELD_NUMBER
_VALUES_OF_ENUM = EnumDescriptorProto.VALUE_FIELD_NUMBER


def comments_of_enum(enum: str) -> dict[str, list[str]]:
    """Returns the paragraphs of the comment on each value of an enum, by name without the prefix."""
    described = FileDescriptorSet.FromString(files("dashboardcatalog.v1").joinpath("descriptors.binpb").read_bytes())
    for file in described.file:
        for index, each in enumerate(file.enum_type):
            if each.name == enum:
                return _comments(file, index, each)
    raise LookupError(enum)


def _comments(file: FileDescriptorProto, index: int, enum: EnumDescriptorProto) -> dict[str, list[str]]:
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper() + "_"
    found = {}
    for location in file.source_code_info.location:
        if list(location.path[:3]) == [_ENUMS_OF_FILE, index, _VALUES_OF_ENUM] and len(location.path) == 4:
            value = enum.value[location.path[3]]
            if value.number:
                paragraphs = location.leading_comments.strip().split("\n\n")
                found[value.name.removeprefix(prefix)] = [" ".join(text.split()) for text in paragraphs]
    return found
