"""docs/errors.md has every reason as in the contract and the code."""

from dashboard_catalog.error_codes import CODE_OF, Reason, ViolationReason
from tests.docs.conftest import ROOT
from tests.docs.contract import comments_of_enum

ERRORS = ROOT.joinpath("docs/errors.md").read_text()


def test_the_table_of_reasons_matches_the_contract_and_the_code() -> None:
    rows = [_row(reason, paragraphs) for reason, paragraphs in comments_of_enum("ErrorReason").items()]
    assert "\n".join(["|---|---|---|---|---|", *rows, ""]) in ERRORS


def test_the_table_of_violations_matches_the_contract() -> None:
    comments = comments_of_enum("ViolationReason")
    assert list(comments) == list(ViolationReason)
    rows = [f"| `{reason}` | {_cell(paragraphs[0])} |" for reason, paragraphs in comments.items()]
    assert "\n".join(["|---|---|", *rows, ""]) in ERRORS


def _row(reason: str, paragraphs: list[str]) -> str:
    parts = dict(paragraph.split(": ", 1) for paragraph in paragraphs)
    code = CODE_OF[Reason(reason)]
    case, example, metadata = (_cell(parts.get(part, "")) for part in (code, "Example", "Metadata"))
    return f"| `{reason}` | {code} | {case} | {example} | {metadata} |"


def _cell(sentence: str) -> str:
    return sentence.removesuffix(".")
