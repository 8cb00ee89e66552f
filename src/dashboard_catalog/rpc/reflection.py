"""Server reflection, which shows the contract to tools such as grpcurl, as v1 and as v1alpha.

The two protocols have the same messages under other names, so one servicer serves both. What it shows comes from the
descriptor set that ships with the generated code: it has everything in the contract, whether or not code imports it,
and the details of errors, without which grpcurl cannot print them.
"""

from collections.abc import AsyncIterator, Iterable
from importlib.resources import files

import grpc
import grpc.aio
from google.protobuf import text_format
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest as Request
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionResponse as Response

V1ALPHA = "grpc.reflection.v1alpha.ServerReflection"
V1 = "grpc.reflection.v1.ServerReflection"
SERVICES = frozenset({V1, V1ALPHA})


class ReflectionServicer:
    """Answers questions about files, symbols and extensions.

    The packaged servicer would send files without their comments, and finds no methods.
    """

    def __init__(self, services: Iterable[str], shown: Iterable[FileDescriptorProto]) -> None:
        """Takes what to show.

        Args:
            services: Full names of all services.
            shown: Files that declare them, each after the files that it imports.
        """
        self._services = sorted(services)
        # Finds things, but drops the comments of a file.
        self._pool = DescriptorPool()
        self._files: dict[str, bytes] = {}
        for file in shown:
            self._pool.Add(file)
            self._files[file.name] = file.SerializeToString()

    async def ServerReflectionInfo(
        self, request_iterator: AsyncIterator[Request], context: object
    ) -> AsyncIterator[Response]:
        """Answers one question after another."""
        async for request in request_iterator:
            response = Response(valid_host=request.host, original_request=request)
            try:
                self._answer(request, response)
            except KeyError:
                _refuse(response, grpc.StatusCode.NOT_FOUND)
            yield response

    def _answer(self, request: Request, response: Response) -> None:
        """Fills a response; raises `KeyError` if there is no such thing."""
        match request.WhichOneof("message_request"):
            case "file_by_filename":
                self._show(response, self._pool.FindFileByName(request.file_by_filename))
            case "file_containing_symbol":
                self._show(response, self._file_of(request.file_containing_symbol))
            case "file_containing_extension":
                asked = request.file_containing_extension
                extended = self._pool.FindMessageTypeByName(asked.containing_type)
                extension = self._pool.FindExtensionByNumber(extended, asked.extension_number)
                self._show(response, self._file_of(extension.full_name))
            case "all_extension_numbers_of_type":
                extended = self._pool.FindMessageTypeByName(request.all_extension_numbers_of_type)
                numbers = response.all_extension_numbers_response
                numbers.base_type_name = extended.full_name
                numbers.extension_number.extend(sorted(one.number for one in self._pool.FindAllExtensions(extended)))
            case "list_services":
                listed = response.list_services_response.service
                listed.extend(reflection_pb2.ServiceResponse(name=name) for name in self._services)
            case _:
                _refuse(response, grpc.StatusCode.INVALID_ARGUMENT)

    def _file_of(self, symbol: str) -> FileDescriptor:
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._pool.FindMethodByName(symbol).containing_service.file

    def _show(self, response: Response, file: FileDescriptor) -> None:
        """Adds a file, and every file that it imports, to a response."""
        names = {file.name: None}
        found = [file]
        while found:
            imported = [one for one in found.pop().dependencies if one.name not in names]
            names |= dict.fromkeys(one.name for one in imported)
            found += imported
        response.file_descriptor_response.file_descriptor_proto.extend(self._files[name] for name in names)


def _refuse(response: Response, code: grpc.StatusCode) -> None:
    response.error_response.error_code, response.error_response.error_message = code.value


def add_reflection(server: grpc.aio.Server, services: Iterable[str]) -> None:
    """Adds both reflection services to the server.

    Args:
        server: A server that has not been started.
        services: Full names of the services to show beside reflection itself.
    """
    servicer = ReflectionServicer([*services, *SERVICES], [*_contract(), *_beside_contract()])
    for service in SERVICES:
        handler = grpc.stream_stream_rpc_method_handler(
            servicer.ServerReflectionInfo,
            request_deserializer=Request.FromString,
            response_serializer=Response.SerializeToString,
        )
        generic = grpc.method_handlers_generic_handler(service, {"ServerReflectionInfo": handler})
        server.add_generic_rpc_handlers((generic,))


def _contract() -> Iterable[FileDescriptorProto]:
    """Returns the files of the descriptor set: the contract with all that it imports."""
    return FileDescriptorSet.FromString(files("dashboardcatalog.v1").joinpath("descriptors.binpb").read_bytes()).file


def _beside_contract() -> Iterable[FileDescriptorProto]:
    """Returns the files of health and reflection. The package brings v1alpha only, so v1 is made from it."""
    health, v1alpha = FileDescriptorProto(), FileDescriptorProto()
    health_pb2.DESCRIPTOR.CopyToProto(health)
    reflection_pb2.DESCRIPTOR.CopyToProto(v1alpha)
    v1 = text_format.MessageToString(v1alpha).replace("v1alpha", "v1")
    return health, v1alpha, text_format.Parse(v1, FileDescriptorProto())
