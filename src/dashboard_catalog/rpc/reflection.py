"""Shows the contract to tools such as grpcurl: server reflection, as v1 and as v1alpha.

The two protocols have the same messages under other names, so one servicer answers both. Where the packaged
servicer would show a file as Python keeps it, without comments and JSON names, the one from the descriptor
set is shown. The details of errors are among what is shown: without them grpcurl cannot print them.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from importlib.resources import files
from typing import Any

import grpc
import grpc.aio
from google.protobuf import descriptor_pool, text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

V1ALPHA = reflection.SERVICE_NAME
V1 = "grpc.reflection.v1.ServerReflection"
SERVICES = frozenset({V1, V1ALPHA})

# Imported for the default descriptor pool, which answers what no generated code imports.
_SHOWN_BESIDE = (error_details_pb2.DESCRIPTOR,)


class ReflectionServicer:
    """Answers what the packaged servicer answers, with whole files where there are any."""

    def __init__(self, services: Iterable[str], whole_files: Mapping[str, bytes]) -> None:
        """Takes what to show.

        Args:
            services: Full names of all services.
            whole_files: Serialized `FileDescriptorProto` by name.
        """
        self._packaged: Any = reflection.aio.ReflectionServicer(services, descriptor_pool.Default())
        self._whole_files = whole_files

    async def ServerReflectionInfo(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:
        """Answers one question after another."""
        async for answer in self._packaged.ServerReflectionInfo(request_iterator, context):
            if answer.HasField("file_descriptor_response"):
                shown = answer.file_descriptor_response.file_descriptor_proto
                shown[:] = [self._whole(text) for text in shown]
            yield answer

    def _whole(self, text: bytes) -> bytes:
        return self._whole_files.get(FileDescriptorProto.FromString(text).name, text)


def add_reflection(server: grpc.aio.Server, services: Iterable[str]) -> None:
    """Adds both reflection services to the server.

    Args:
        server: Not yet started.
        services: Full names of the services to show beside reflection itself.
    """
    _describe_v1(descriptor_pool.Default())
    servicer = ReflectionServicer([*services, *SERVICES], _whole_files())
    for service in SERVICES:
        handler = grpc.stream_stream_rpc_method_handler(
            servicer.ServerReflectionInfo,
            request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
            response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
        generic = grpc.method_handlers_generic_handler(service, {"ServerReflectionInfo": handler})
        server.add_generic_rpc_handlers((generic,))


def _whole_files() -> dict[str, bytes]:
    """Returns the files of the descriptor set that comes with the generated code."""
    described = FileDescriptorSet.FromString(files("dashboardcatalog.v1").joinpath("descriptors.binpb").read_bytes())
    return {file.name: file.SerializeToString() for file in described.file}


def _describe_v1(pool: descriptor_pool.DescriptorPool) -> None:
    """Puts v1 into the pool, for tools that describe all services; the package brings only v1alpha."""
    v1alpha = FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(v1alpha)
    text = text_format.MessageToString(v1alpha).replace("v1alpha", "v1")
    pool.Add(text_format.Parse(text, FileDescriptorProto()))
