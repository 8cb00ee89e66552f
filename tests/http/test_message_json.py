"""Messages become the JSON that protobuf makes of them."""

import json

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.json_format import MessageToDict, ParseDict

from dashboard_catalog.http.dialect.message_json import _reader, json_of
from dashboardcatalog.v1 import bulk_pb2, chart_pb2, dashboard_pb2

REFERENCE = {"id": "1", "type": "user", "name": "ann", "fullyQualifiedName": "ann", "displayName": "Ann"}
WHOLE = {
    "id": "2",
    "name": "sales",
    "description": "",
    "version": 0.2,
    "deleted": True,
    "updatedAt": "2026-01-02T03:04:05.678Z",
    "service": REFERENCE,
    "owners": [REFERENCE, {"id": "3"}],
    "tags": [{"tagFQN": "Area.sales", "source": "Classification", "labelType": "Manual", "state": "Confirmed"}],
    "extension": {"whole": 3, "half": 0.5, "none": None, "list": [True, "x", {"deep": [-7]}]},
    "changeDescription": {
        "previousVersion": 0.1,
        "fieldsAdded": [{"name": "extension.list", "newValue": [1, {"deep": 2}]}],
        "fieldsUpdated": [{"name": "extension.whole", "oldValue": 55, "newValue": 2**53 - 1}],
    },
}


def test_a_message_has_the_json_of_protobuf() -> None:
    message = ParseDict(WHOLE, dashboard_pb2.Dashboard())
    assert json_of(message) == MessageToDict(message)
    # As texts: 55 equals 55.0.
    sent = {key: value for key, value in WHOLE.items() if value != ""}
    assert json.dumps(json_of(message), sort_keys=True) == json.dumps(sent, sort_keys=True)
    assert json_of(message, {"owners"}) == {"owners": WHOLE["owners"]}


def test_whole_numbers_that_a_double_may_not_hold_stay_doubles() -> None:
    values = [float(2**53), -1e300, 0.5, 1e22]
    message = ParseDict({"extension": {"list": values}}, dashboard_pb2.Dashboard())
    assert json.dumps(json_of(message)["extension"]["list"]) == json.dumps(values)


def test_every_field_of_assets_has_json() -> None:
    seen: set[str] = set()
    waiting: list[Descriptor] = [dashboard_pb2.Dashboard.DESCRIPTOR, chart_pb2.Chart.DESCRIPTOR]
    while waiting:
        message = waiting.pop()
        if message.full_name not in seen and not message.full_name.startswith("google.protobuf."):
            seen.add(message.full_name)
            waiting += [field.message_type for field in message.fields if field.message_type]
            assert all(_reader(field)[0] == field.json_name for field in message.fields)
    assert len(seen) > 2


def test_a_type_that_no_answer_has_is_refused() -> None:
    with pytest.raises(TypeError, match="created"):
        json_of(bulk_pb2.BulkUpsertSummary(created=1))
