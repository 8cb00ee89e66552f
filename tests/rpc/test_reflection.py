"""Reflection as v1 and as v1alpha: what tools see of the contract, and that grpcurl can use it."""

import asyncio
import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_reflection.v1alpha.reflection_pb2 import ExtensionRequest, ServerReflectionRequest, ServerReflectionResponse

from buf.validate import validate_pb2
from tests.rpc.conftest import SERVICE, ServedEdge

V1, V1ALPHA = "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"
HEALTH = "grpc.health.v1.Health"
GRPCURL = Path(sys.executable).parent / "grpcurl"


async def ask(edge: ServedEdge, version: str, **request: Any) -> Any:
    """Sends one request, without a token."""
    call = edge.channel.stream_stream(
        f"/{version}/ServerReflectionInfo",
        request_serializer=ServerReflectionRequest.SerializeToString,
        response_deserializer=ServerReflectionResponse.FromString,
    )(iter([ServerReflectionRequest(**request)]))
    return await call.read()


@pytest.mark.parametrize("version", [V1, V1ALPHA])
async def test_services_are_listed(edge: ServedEdge, version: str) -> None:
    answer = await ask(edge, version, list_services="")
    names = {service.name for service in answer.list_services_response.service}
    assert names == {SERVICE, HEALTH, V1, V1ALPHA}


@pytest.mark.parametrize("version", [V1, V1ALPHA])
@pytest.mark.parametrize(
    ("symbol", "file"),
    [
        (SERVICE, "dashboardcatalog/v1/dashboard_service.proto"),
        ("dashboardcatalog.v1.CatalogService", "dashboardcatalog/v1/catalog_service.proto"),
        ("dashboardcatalog.v1.Outcome", "dashboardcatalog/v1/asset.proto"),
        ("dashboardcatalog.v1.OUTCOME_CREATED", "dashboardcatalog/v1/asset.proto"),
        ("dashboardcatalog.v1.ErrorReason", "dashboardcatalog/v1/error_reason.proto"),
        ("dashboardcatalog.v1.ViolationReason", "dashboardcatalog/v1/error_reason.proto"),
        ("google.rpc.BadRequest.FieldViolation", "google/rpc/error_details.proto"),
        ("buf.validate.field", "buf/validate/validate.proto"),
        ("google.rpc.ErrorInfo", "google/rpc/error_details.proto"),
        (HEALTH, "grpc_health/v1/health.proto"),
        (V1, "grpc_reflection/v1/reflection.proto"),
        (V1ALPHA, "grpc_reflection/v1alpha/reflection.proto"),
    ],
)
async def test_symbols_are_found_with_all_their_imports(edge: ServedEdge, version: str, symbol: str, file: str) -> None:
    answer = await ask(edge, version, file_containing_symbol=symbol)
    found = [FileDescriptorProto.FromString(text) for text in answer.file_descriptor_response.file_descriptor_proto]
    names = {one.name for one in found}
    assert file in names
    assert {imported for one in found for imported in one.dependency} <= names


async def test_files_have_comments_and_json_names(edge: ServedEdge) -> None:
    answer = await ask(edge, V1, file_containing_symbol="dashboardcatalog.v1.TagLabel")
    found = [FileDescriptorProto.FromString(text) for text in answer.file_descriptor_response.file_descriptor_proto]
    (file,) = [one for one in found if one.name == "dashboardcatalog/v1/reference.proto"]
    (label,) = [message for message in file.message_type if message.name == "TagLabel"]
    assert [field.json_name for field in label.field] == ["tagFQN", "source", "labelType", "state"]
    assert any("how it was added" in place.leading_comments for place in file.source_code_info.location)


@pytest.mark.parametrize("version", [V1, V1ALPHA])
async def test_every_file_of_the_contract_is_found_by_its_name(edge: ServedEdge, version: str) -> None:
    shipped = FileDescriptorSet.FromString(files("dashboardcatalog.v1").joinpath("descriptors.binpb").read_bytes())
    for file in shipped.file:
        answer = await ask(edge, version, file_by_filename=file.name)
        assert file.SerializeToString() in answer.file_descriptor_response.file_descriptor_proto


async def test_annotations_are_found_as_extensions(edge: ServedEdge) -> None:
    answer = await ask(edge, V1, all_extension_numbers_of_type="google.protobuf.FieldOptions")
    number = validate_pb2.field.number
    assert number in answer.all_extension_numbers_response.extension_number
    extension = ExtensionRequest(containing_type="google.protobuf.FieldOptions", extension_number=number)
    answer = await ask(edge, V1, file_containing_extension=extension)
    texts = answer.file_descriptor_response.file_descriptor_proto
    assert "buf/validate/validate.proto" in {FileDescriptorProto.FromString(text).name for text in texts}


async def test_an_absent_symbol_is_not_found(edge: ServedEdge) -> None:
    for request in (
        {"file_containing_symbol": "nope.Nope"},
        {"file_by_filename": "nope.proto"},
        {"all_extension_numbers_of_type": "nope.Nope"},
        {"file_containing_extension": ExtensionRequest(containing_type="google.rpc.Status", extension_number=1)},
    ):
        answer = await ask(edge, V1, **request)
        assert (answer.error_response.error_code, answer.error_response.error_message) == (5, "not found")


async def test_an_empty_request_is_invalid(edge: ServedEdge) -> None:
    answer = await ask(edge, V1)
    assert answer.error_response.error_code == 3


async def grpcurl(*arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        GRPCURL, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_grpcurl_lists_describes_and_calls(edge: ServedEdge) -> None:
    status, text = await grpcurl("-plaintext", edge.address, "list")
    assert (status, sorted(text.split())) == (0, sorted([SERVICE, HEALTH, V1, V1ALPHA]))
    status, text = await grpcurl("-plaintext", edge.address, "describe")
    assert status == 0, text
    header = ": ".join(edge.metadata[0])
    body = json.dumps({"fullyQualifiedName": "superset.sales"})
    status, text = await grpcurl("-plaintext", "-H", header, "-d", body, edge.address, f"{SERVICE}/GetDashboard")
    assert (status, json.loads(text)["dashboard"]["fullyQualifiedName"]) == (0, "superset.sales")


@pytest.mark.parametrize(
    ("symbol", "texts"),
    [
        ("dashboardcatalog.v1.ErrorReason", ["enum ErrorReason", "ERROR_REASON_BUG", "// Metadata: "]),
        ("dashboardcatalog.v1.ViolationReason", ["enum ViolationReason", "VIOLATION_REASON_REQUIRED"]),
        ("dashboardcatalog.v1.Outcome", ["enum Outcome", "OUTCOME_SUPPRESSED"]),
        ("google.rpc.BadRequest.FieldViolation", ["message FieldViolation", "string description"]),
        (f"{SERVICE}.GetDashboard", ["rpc GetDashboard", ".dashboardcatalog.v1.GetDashboardRequest"]),
        ("dashboardcatalog.v1.CatalogService", ["rpc UpsertEntity", "// "]),
        (V1, ["rpc ServerReflectionInfo"]),
        (HEALTH, ["rpc Check"]),
    ],
)
async def test_grpcurl_describes_a_symbol(edge: ServedEdge, symbol: str, texts: list[str]) -> None:
    status, output = await grpcurl("-plaintext", edge.address, "describe", symbol)
    assert status == 0, output
    assert [text for text in texts if text not in output] == []


async def test_grpcurl_prints_the_details_of_an_error(edge: ServedEdge) -> None:
    header = ": ".join(edge.metadata[0])
    status, text = await grpcurl("-plaintext", "-H", header, edge.address, f"{SERVICE}/GetDashboard")
    assert status != 0
    assert '"@type":"type.googleapis.com/google.rpc.BadRequest"' in text.replace(" ", "")
    assert "is required: one of id or fully_qualified_name" in text
    status, text = await grpcurl("-plaintext", edge.address, f"{SERVICE}/GetDashboard")
    assert "TOKEN_MISSING" in text
