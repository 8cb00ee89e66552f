"""Generates everything under `generated/` from the contract beside this file.

    python protos/generate.py           writes generated/
    python protos/generate.py --check   fails when generated/ is not what the contract gives

Nothing is downloaded: protoc and the well-known types come with `grpcio-tools`, google/rpc with
`googleapis-common-protos`; `buf/validate/validate.proto` is the descriptor inside `protovalidate`.
The packages get no `__init__.py`: other distributions may hold parts of `buf` too, and the
parts of a namespace package live side by side where a regular one would hide the others.
"""

import argparse
import shutil
import sys
import sysconfig
import tempfile
from importlib.util import find_spec
from pathlib import Path

import protovalidate
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc as grpc_tools_protoc

PROTOS = Path(__file__).resolve().parent
GENERATED = PROTOS.parent / "generated"
# For `grpcurl -protoset` and for stubs in other languages: with imports, comments and error details.
DESCRIPTOR_SET = "dashboardcatalog/v1/descriptors.binpb"
VALIDATE = "buf/validate/validate.proto"
ERROR_DETAILS = "google/rpc/error_details.proto"


def main() -> None:
    parser = argparse.ArgumentParser(description="Generates everything under generated/ from the contract.")
    parser.add_argument("--check", action="store_true", help="only say whether generated/ is up to date")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch, "generated")
        generate(fresh)
        if not check:
            replace(GENERATED, fresh)
        elif different := differences(GENERATED, fresh):
            sys.exit("Not what the contract gives, run `make generate`:\n  " + "\n  ".join(different))


def generate(out: Path) -> None:
    """Writes messages, stubs, their types and the descriptor set below `out`."""
    packages = {Path(source).parent for source in [*sources(PROTOS), VALIDATE]}
    for package in packages:
        out.joinpath(package).mkdir(parents=True)
        out.joinpath(package, "py.typed").touch()
    descriptors = write_descriptor_set(PROTOS, out / DESCRIPTOR_SET, [ERROR_DETAILS])
    protoc(PROTOS, [f"--python_out={out}", f"--mypy_out=quiet:{out}", *sources(PROTOS), VALIDATE])
    services = [file.name for file in descriptors.file if file.service]
    if services:
        protoc(PROTOS, [f"--grpc_python_out={out}", f"--mypy_grpc_out=quiet:{out}", *services])


def sources(protos: Path) -> list[str]:
    """The names of the contract's own files, as they import each other."""
    return sorted(path.relative_to(protos).as_posix() for path in protos.rglob("*.proto"))


def write_descriptor_set(protos: Path, out: Path, also: list[str] | None = None) -> FileDescriptorSet:
    """Writes and returns the descriptor set of `protos` and `also`, with imports and comments."""
    options = ["--include_imports", "--include_source_info", f"--descriptor_set_out={out}"]
    protoc(protos, [*options, *sources(protos), *(also or [])])
    return FileDescriptorSet.FromString(out.read_bytes())


def protoc(protos: Path, arguments: list[str]) -> None:
    """Runs protoc over `protos`; leaves the program with its status when it fails."""
    scripts = sysconfig.get_path("scripts")
    with tempfile.NamedTemporaryFile(suffix=".binpb") as validate:
        validate.write(FileDescriptorSet(file=[validate_descriptor()]).SerializeToString())
        validate.flush()
        status = grpc_tools_protoc.main(
            [
                "protoc",
                f"--plugin=protoc-gen-mypy={scripts}/protoc-gen-mypy",
                f"--plugin=protoc-gen-mypy_grpc={scripts}/protoc-gen-mypy_grpc",
                f"--descriptor_set_in={validate.name}",
                f"--proto_path={protos}",
                f"--proto_path={package_folder('grpc_tools') / '_proto'}",
                f"--proto_path={package_folder('google.rpc').parent.parent}",
                *arguments,
            ]
        )
    if status:
        sys.exit(status)


def validate_descriptor() -> FileDescriptorProto:
    """The descriptor of `buf/validate/validate.proto` that the installed protovalidate evaluates rules by."""
    native = protovalidate.ViolationPb.desc().file.proto
    return FileDescriptorProto.FromString(native.to_binary())


def package_folder(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"{name} is not installed: run `make install`")
    return Path(spec.submodule_search_locations[0])


def replace(generated: Path, fresh: Path) -> None:
    if generated.exists():
        shutil.rmtree(generated)
    shutil.copytree(fresh, generated)


def differences(generated: Path, fresh: Path) -> list[str]:
    """The names of the files that are missing, left over or different in `generated`."""
    have, want = contents(generated), contents(fresh)
    return sorted(name for name in have.keys() | want.keys() if have.get(name) != want.get(name))


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


if __name__ == "__main__":
    main()
