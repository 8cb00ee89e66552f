"""Random sequences of calls, each answered by a server and by the model, which must agree."""

import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.model.catalog import MISSING, Actor, Asset, Catalog, Refusal, Spec, Thing, Written
from tests.model.http_door import STATUSES, HttpDoor, HttpRefused
from tests.model.remote import Remote
from tests.model.views import (
    answered,
    answered_by_http,
    change_of,
    difference,
    expected,
    expected_by_http,
    sent,
    shown_values,
)
from tests.service.caller import Caller, Json, Refused

EDITS, INGESTS = Actor("admin"), Actor("loader", ingests=True)
UNDOES = Actor("admin", ingests=True)
NAMES = {"dashboard": ["d1", "d2", "d3"], "chart": ["c1", "c2", "c3"]}
LOWER = {"dashboard": "dashboards", "chart": "charts"}

kinds = st.sampled_from(["dashboard", "dashboard", "chart"])
actors = st.sampled_from([EDITS, INGESTS])
doors = st.booleans()
service_numbers = st.sampled_from([0, 0, 0, 1])
places = st.integers(0, 2)


@st.composite
def values(draw: st.DrawFn, kind: str) -> Json:
    """Returns values with numbers in place of services, charts, tags and owners."""
    found: Json = {}
    choices: dict[str, st.SearchStrategy[Any]] = {
        "description": st.sampled_from(["one", "two"]),
        "sourceUrl": st.sampled_from(["https://bi.example/1", "https://bi.example/2"]),
        "owners": st.sets(st.integers(0, 1), min_size=1),
        "domain": st.integers(0, 1),
        "tags": st.sets(st.integers(0, 1), min_size=1),
    }
    if kind == "dashboard":
        choices["charts"] = st.lists(st.tuples(service_numbers, places), min_size=1, max_size=3, unique=True)
        choices["extension"] = st.sampled_from(["100", "200"])
    for name in draw(st.sets(st.sampled_from(sorted(choices)), max_size=4)):
        found[name] = draw(choices[name])
    return found


def masks(kind: str) -> st.SearchStrategy[frozenset[str]]:
    """Returns masks, mostly empty ones."""
    names = ["description", "sourceUrl", "owners", "domain", "tags"]
    if kind == "dashboard":
        names += ["charts", "extension"]
    return st.one_of(st.just(frozenset()), st.frozensets(st.sampled_from(names), max_size=3))


items = kinds.flatmap(lambda kind: st.tuples(st.just(kind), service_numbers, places, values(kind)))
writes = kinds.flatmap(lambda kind: st.tuples(st.just(kind), service_numbers, places, values(kind), masks(kind)))


def compare(server: Any, model: Any) -> None:
    """Fails, showing both, if the answer of the server is not that of the model."""
    assert server == model, f"the server says {server}\n the model says {model}"


class CatalogMachine(RuleBasedStateMachine):
    """One sequence, in BI services and a classification of its own."""

    server: Remote

    def __init__(self) -> None:
        super().__init__()
        self.model = Catalog()
        self.owners = [Thing("user", "ann"), Thing("user", "bob")]
        finance = Thing("domain", "finance")
        self.domains = [finance, Thing("domain", "tax", finance)]
        self.fresh = count()
        self.sessions: list[str] = []

    @initialize(loaded=st.booleans())
    def begin(self, loaded: bool) -> None:
        """Makes the entities of the sequence, perhaps with a load of a few assets."""
        number = next(self.server.sequences)
        self.prefix = f"n{number}"
        self.services = [Thing("bi_service", f"{self.prefix}a"), Thing("bi_service", f"{self.prefix}b")]
        self.classification = Thing("classification", f"{self.prefix}k")
        self.tags = [Thing("tag", name, self.classification) for name in ("x", "y")]
        entities: list[Json] = [{"biService": {"name": s.name, "serviceType": "Superset"}} for s in self.services]
        entities.append({"classification": {"name": self.classification.name}})
        entities += [{"tag": {"name": tag.name, "classification": self.classification.name}} for tag in self.tags]
        added = self._run(self.server.edits.bulk([{"entity": entity} for entity in entities]))
        assert not added.failures
        if loaded:
            charts: list[Any] = [("chart", 0, place, {"description": "one"}) for place in (0, 1)]
            holders = [("dashboard", 0, 0, {"charts": [(0, 0)]}), ("dashboard", 0, 1, {"charts": [(0, 0), (0, 1)]})]
            self.load([[*charts, *holders]], sweeps=False)

    # Writes.

    @rule(write=writes, by_http=doors)
    def create(self, write: Any, by_http: bool) -> None:
        spec = self._spec(*write[:4])
        if by_http:
            self._agree_by_http(lambda: self.model.create(EDITS, spec), self._door(EDITS).write("create", spec))
            return
        self._agree(
            lambda: self.model.create(EDITS, spec),
            self.server.edits,
            f"create_{spec.kind}",
            {spec.kind: sent(spec)},
        )

    @rule(write=writes, actor=actors, by_http=doors)
    def upsert(self, write: Any, actor: Actor, by_http: bool) -> None:
        spec = self._spec(*write)
        if by_http:
            # PUT has no mask.
            spec = replace(spec, mask=frozenset())
            self._agree_by_http(lambda: self.model.upsert(actor, spec), self._door(actor).write("upsert", spec))
            return
        request = {spec.kind: sent(spec), "update_mask": ",".join(sorted(spec.mask))}
        self._agree(lambda: self.model.upsert(actor, spec), self._caller(actor), f"upsert_{spec.kind}", request)

    @rule(write=writes, actor=actors, by_http=doors)
    def update(self, write: Any, actor: Actor, by_http: bool) -> None:
        spec = self._spec(*write)
        if not spec.mask:
            return
        if by_http:
            self._patch(spec, actor)
            return
        fields = {name: value for name, value in sent(spec).items() if name not in ("name", "service")}
        request = {
            "fully_qualified_name": self._fqn(spec.service, spec.name),
            spec.kind: fields,
            "update_mask": ",".join(sorted(spec.mask)),
        }
        self._agree(lambda: self.model.update(actor, spec), self._caller(actor), f"update_{spec.kind}", request)

    def _patch(self, spec: Spec, actor: Actor) -> None:
        """Patches what is not so already: a patch that changes nothing writes nothing."""
        asset = self.model.find(spec.kind, spec.service, spec.name)
        if asset is not None:
            now, then = expected(asset), shown_values(spec)
            spec = replace(spec, mask=frozenset(name for name in spec.mask if now[name] != then[name]))
            if not spec.mask:
                return
        request = self._door(actor).patch(spec, asset.now.values if asset else {})
        self._agree_by_http(lambda: self.model.update(actor, spec), request)

    @rule(kind=kinds, service=service_numbers, place=places, actor=actors, by_http=doors)
    def delete(self, kind: str, service: int, place: int, actor: Actor, by_http: bool) -> None:
        def act() -> Asset:
            asset = self.model.live(kind, self.services[service], self._name(kind, place))
            self.model.delete(actor, asset)
            return asset

        key = self._key(kind, service, place)
        if by_http:
            self._agree_by_http(act, self._door(actor).delete(kind, key["fully_qualified_name"]))
        else:
            self._agree(act, self._caller(actor), f"delete_{kind}", key)

    @rule(kind=kinds, service=service_numbers, place=places, by_http=doors)
    def restore(self, kind: str, service: int, place: int, by_http: bool) -> None:
        def act() -> Asset:
            asset = self.model.found(kind, self.services[service], self._name(kind, place))
            self.model.restore(EDITS, asset)
            return asset

        if by_http:
            there = self.model.find(kind, self.services[service], self._name(kind, place))
            self._agree_by_http(act, self._door(EDITS).restore(kind, there.id if there else str(uuid4())))
        else:
            self._agree(act, self.server.edits, f"restore_{kind}", self._key(kind, service, place))

    @rule(kind=kinds, service=service_numbers, place=places, by_http=doors)
    def remove(self, kind: str, service: int, place: int, by_http: bool) -> None:
        def act() -> None:
            asset = self.model.found(kind, self.services[service], self._name(kind, place))
            self.model.remove(asset)

        key = self._key(kind, service, place)
        if by_http:
            self._agree_by_http(act, self._door(EDITS).delete(kind, key["fully_qualified_name"], hard=True))
        else:
            self._agree(act, self.server.edits, f"delete_{kind}", {**key, "hard": True})

    @rule(kind=kinds, service=service_numbers, place=places, new=places)
    def rename(self, kind: str, service: int, place: int, new: int) -> None:
        name = self._name(kind, new)

        def act() -> Asset:
            asset = self.model.live(kind, self.services[service], self._name(kind, place))
            self.model.rename(EDITS, asset, name)
            return asset

        request = {**self._key(kind, service, place), "new_name": name}
        self._agree(act, self.server.edits, f"rename_{kind}", request)

    @rule(kind=kinds, service=service_numbers, place=places, number=st.integers(1, 4))
    def revert(self, kind: str, service: int, place: int, number: int) -> None:
        left_out: set[str] = set()

        def act() -> Written:
            asset = self.model.live(kind, self.services[service], self._name(kind, place))
            outcome, left = self.model.revert(EDITS, asset, number)
            left_out.update(left)
            return Written(asset, outcome)

        request = {**self._key(kind, service, place), "version": number / 10}
        answer = self._agree(act, self.server.edits, f"revert_{kind}", request)
        if answer is not None:
            compare(set(answer.get("leftOut", ())), left_out)

    @rule(which=st.sampled_from(["service", "classification", "tag"]))
    def rename_entity(self, which: str) -> None:
        thing = {"service": self.services[1], "classification": self.classification, "tag": self.tags[1]}[which]
        name = f"{self.prefix}r{next(self.fresh)}"
        request = {"kind": f"KIND_{thing.kind.upper()}", "fully_qualified_name": thing.fqn, "new_name": name}
        answer = self._run(self.server.edits.rename_entity(**request))
        thing.former.add(thing.name)
        thing.name = name
        (entity,) = answer["entity"].values()
        assert entity["fullyQualifiedName"] == thing.fqn

    @rule(chunks=st.lists(st.lists(items, min_size=1, max_size=4), min_size=1, max_size=2), sweeps=st.booleans())
    def bulk(self, chunks: Sequence[Sequence[Any]], sweeps: bool) -> None:
        self.load(chunks, sweeps=sweeps)

    def load(self, chunks: Sequence[Sequence[Any]], *, sweeps: bool) -> None:
        """Loads chunks as the bot does, in a session of their own, and compares every result."""
        session = str(uuid4())
        options: Json = {"session_id": session, "service": self.services[0].fqn, "result_view": "RESULT_VIEW_ALL"}
        specs = [[self._spec(*item) for item in chunk] for chunk in chunks]
        since = self.model.number
        results = [result for chunk in specs for result in self.model.chunk(INGESTS, chunk, session)]
        requests = [{"items": [{spec.kind: sent(spec)} for spec in chunk]} for chunk in specs]
        swept = None
        if sweeps:
            options["sweep"] = {"max_deleted_percent": 100}
            mentioned = [(spec.kind, spec.service, spec.name) for chunk in specs for spec in chunk]
            charts = (chart for chunk in specs for spec in chunk for chart in spec.values.get("charts", ()))
            mentioned += [("held", *chart) for chart in charts]
            swept = self.model.sweep(INGESTS, self.services[0], mentioned, since=since, session=session)
        answer = self._run(
            self.server.ingests.bulk(*requests, options=options, finish={"total_items": str(len(results))})
        )
        assert answer.refused is None, answer.refused
        self.sessions.append(session)
        got = [self._result(result) for result in sorted(answer.results, key=lambda r: int(r.get("offset", 0)))]
        compare(got, [self._expected_result(result) for result in results])
        if swept is not None:
            compare(int(answer.summary["sweep"].get("deleted", 0)), swept)
        for result in results:
            if isinstance(result, Written):
                self._note(result.asset)
        self.read_all()

    @precondition(lambda self: self.sessions)
    @rule(which=st.integers(0, 3))
    def revert_session(self, which: int) -> None:
        session = self.sessions[-1 - which % len(self.sessions)]
        reverted, skipped = self.model.revert_session(UNDOES, session)
        answer = self._run(self.server.edits.stream("RevertSession", session_id=session))
        summary = answer[-1]["summary"]
        compare((int(summary.get("reverted", 0)), int(summary.get("skipped", 0))), (reverted, skipped))
        self.read_all()

    # Reads.

    @rule()
    def read_all(self) -> None:
        """Lists everything, and every version of it."""
        for kind, several in LOWER.items():
            for service in self.services:
                request = {"service": service.fqn, "deleted": "DELETED_INCLUDE", "page_size": 2}
                listed = self._pages(f"list_{several}", several, request)
                assets = [a for a in self.model.assets if a.kind == kind and a.service is service]
                for asset in assets:
                    self._note(asset)
                wanted = [expected(asset) for asset in sorted(assets, key=lambda a: a.now.name)]
                compare([answered(each, kind) for each in listed], wanted)

    @rule(kind=kinds, service=service_numbers)
    def read_by_http(self, kind: str, service: int) -> None:
        """Lists a BI service by HTTP, with every version of everything."""
        door, there = self._door(EDITS), self.services[service]
        listed = self._run(door.everything(kind, there.fqn))
        assets = [a for a in self.model.assets if a.kind == kind and a.service is there]
        for asset in assets:
            self._note(asset)
        wanted = sorted(assets, key=lambda a: a.now.name)
        compare([answered_by_http(each, kind) for each in listed], [expected_by_http(asset) for asset in wanted])
        for asset in assets:
            versions = self._run(door.versions(kind, asset.id))
            numbers = range(len(asset.versions), 0, -1)
            wanted_versions = [expected_by_http(asset, number) for number in numbers]
            compare([answered_by_http(each, kind) for each in versions], wanted_versions)

    @rule(kind=kinds, service=service_numbers, place=places, from_=st.integers(1, 4), to=st.integers(1, 4))
    def versions(self, kind: str, service: int, place: int, from_: int, to: int) -> None:
        asset = self.model.find(kind, self.services[service], self._name(kind, place))
        if asset is None:
            return
        request: Json = {**self._key(kind, service, place), "page_size": 2}
        listed = self._pages(f"list_{kind}_versions", "versions", request)
        self._note(asset)
        numbers = range(len(asset.versions), 0, -1)
        compare([answered(each, kind) for each in listed], [expected(asset, number) for number in numbers])
        if max(from_, to) <= len(asset.versions):
            request = {**self._key(kind, service, place), "from_version": from_ / 10, "to_version": to / 10}
            answer = self._run(getattr(self.server.edits, f"compare_{kind}_versions")(**request))
            compare(change_of(answer["changeDescription"]), difference(asset, from_, to))

    @rule(
        kind=kinds,
        missing=st.sets(st.sampled_from(sorted(MISSING))),
        by=st.sampled_from(["", "admin", "loader"]),
        owner=st.sampled_from(["", "ann"]),
        deleted=st.sampled_from(["EXCLUDE", "INCLUDE", "ONLY"]),
    )
    def lists(self, kind: str, missing: set[str], by: str, owner: str, deleted: str) -> None:
        for service in self.services:
            request: Json = {"service": service.fqn, "missing": sorted(missing), "updated_by": by}
            request |= {"owner": f"user:{owner}" if owner else "", "deleted": f"DELETED_{deleted}"}
            listed = self._pages(f"list_{LOWER[kind]}", LOWER[kind], request)
            found = [
                asset.now.name
                for asset in self.model.assets
                if asset.kind == kind
                and asset.service is service
                and not any(asset.now.values.get(MISSING[each]) for each in missing)
                and (not by or asset.now.actor.subject == by)
                and (not owner or owner in {user.name for user in asset.now.values.get("owners", ())})
                and asset.now.deleted in {"EXCLUDE": (False,), "INCLUDE": (False, True), "ONLY": (True,)}[deleted]
            ]
            compare([each["name"] for each in listed], sorted(found))

    @rule(kind=kinds, service=service_numbers, place=places)
    def search(self, kind: str, service: int, place: int) -> None:
        """Searches an exact name: what has it comes first, and nothing that is deleted or has another name does."""
        name = self._name(kind, place)
        request = {"query": f'"{name}"', "service": self.services[service].fqn, "kinds": [f"KIND_{kind.upper()}"]}
        # Everybody has written, and nobody waits for the writes of others.
        while (answer := self._run(self.server.edits.search(**request))).get("lag", "0s") != "0s":
            time.sleep(0.02)
        asset = self.model.find(kind, self.services[service], name)
        found = [each[kind]["name"] for each in answer.get("results", ())]
        compare(found, [name] if asset and not asset.now.deleted else [])

    @rule(kind=kinds, permitted=st.sets(st.integers(0, 1)), service=service_numbers, place=places)
    def view(self, kind: str, permitted: set[int], service: int, place: int) -> None:
        """Puts another policy in force, and looks at the catalog through it."""
        groups = [f'resource in BiService::"{self.services[each].name}"' for each in sorted(permitted)]
        when = " || ".join(groups) or "false"
        who = 'principal in Role::"viewer"'
        self.server.permit(f'permit ({who}, action == Action::"view", resource) when {{ {when} }};')
        viewer = self.server.views
        for number, each in enumerate(self.services):
            try:
                listed = self._run(getattr(viewer, f"list_{LOWER[kind]}")(service=each.fqn)).get(LOWER[kind], [])
            except Refused as refused:
                assert not permitted
                compare(refused.code, "PERMISSION_DENIED")
                continue
            live = [a for a in self.model.assets if a.kind == kind and a.service is each and not a.now.deleted]
            compare([one["name"] for one in listed], sorted(a.now.name for a in live if number in permitted))
            for one in listed:
                self._compare_charts(one, permitted)
        if service not in permitted:
            with suppress(Refused):
                answer = self._run(getattr(viewer, f"get_{kind}")(**self._key(kind, service, place)))
                raise AssertionError(f"the server shows what is hidden: {answer}")

    def _compare_charts(self, dashboard: Json, permitted: set[int]) -> None:
        """Compares which charts of a dashboard a viewer sees."""
        asset = next((a for a in self.model.assets if a.fqn == dashboard["fullyQualifiedName"]), None)
        charts = asset.now.values.get("charts", ()) if asset else ()
        shown = [self.services.index(chart.service) in permitted for chart in charts]
        compare([not chart.get("hidden", False) for chart in dashboard.get("charts", ())], shown)

    def teardown(self) -> None:
        if hasattr(self, "services"):
            self.read_all()

    # What they share.

    def _agree(self, decide: Any, caller: Caller, rpc: str, request: Mapping[str, Any]) -> Json | None:
        """Lets the model decide, calls the server, and compares. Returns the answer, None if both refuse."""
        try:
            decided = decide()
        except Refusal as refusal:
            with pytest.raises(Refused) as caught:
                self._run(getattr(caller, rpc)(**request))
            refused = caught.value
            compare((refused.code, refused.reason), (refusal.code, refusal.reason))
            compare(refused.metadata.get("moved_to", ""), refusal.moved_to)
            return None
        answer = self._run(getattr(caller, rpc)(**request))
        kind = rpc.rpartition("_")[2]
        if isinstance(decided, Written):
            if "outcome" in answer:
                compare(answer["outcome"], f"OUTCOME_{decided.outcome}")
                compare(set(answer.get("keptFields", ())), decided.kept)
            decided = decided.asset
        if decided is not None:
            view = answered(answer[kind], kind)
            decided.id = decided.id or view["id"]
            compare(view, expected(decided))
        return dict(answer)

    def _agree_by_http(self, decide: Any, request: Coroutine[Any, Any, Json]) -> None:
        """Lets the model decide, sends the request, and compares, as far as HTTP answers the same."""
        try:
            decided = decide()
        except Refusal as refusal:
            with pytest.raises(HttpRefused) as caught:
                self._run(request)
            compare(caught.value.status, STATUSES[refusal.code])
            return
        answer = self._run(request)
        if isinstance(decided, Written):
            compare("outcome" in answer, decided.outcome == "CREATED")
            decided = decided.asset
        if decided is not None:
            view = answered_by_http(answer[decided.kind], decided.kind)
            decided.id = decided.id or view["id"]
            compare(view, expected_by_http(decided))

    def _pages(self, rpc: str, several: str, request: Json) -> list[Json]:
        found: list[Json] = []
        token = ""
        while True:
            answer = self._run(getattr(self.server.edits, rpc)(**request, page_token=token))
            found += answer.get(several, ())
            token = answer.get("nextPageToken", "")
            if not token:
                return found

    def _note(self, asset: Asset) -> None:
        """Learns the id of an asset that the server has made in a stream."""
        if not asset.id and not asset.removed:
            request = {"fully_qualified_name": asset.fqn, "deleted": "DELETED_INCLUDE", "read_mask": "id"}
            asset.id = self._run(getattr(self.server.edits, f"get_{asset.kind}")(**request))[asset.kind]["id"]

    def _result(self, result: Json) -> Any:
        if result["outcome"] == "OUTCOME_FAILED":
            (info,) = [each for each in result["status"]["details"] if each["@type"].endswith("ErrorInfo")]
            return info["reason"]
        kept = set(result.get("keptFields", ()))
        return result["outcome"], result["fullyQualifiedName"], round(result["version"] * 10), kept

    def _expected_result(self, result: Written | Refusal) -> Any:
        if isinstance(result, Refusal):
            return result.reason
        return f"OUTCOME_{result.outcome}", result.asset.fqn, result.version, result.kept

    def _spec(self, kind: str, service: int, place: int, given: Json, mask: frozenset[str] = frozenset()) -> Spec:
        found: dict[str, Any] = {}
        for name, value in given.items():
            match name:
                case "owners":
                    found[name] = frozenset(self.owners[each] for each in value)
                case "domain":
                    found[name] = self.domains[value]
                case "tags":
                    found[name] = frozenset(self.tags[each] for each in value)
                case "charts":
                    found[name] = [(self.services[of], self._name("chart", each)) for of, each in value]
                case _:
                    found[name] = value
        return Spec(kind, self.services[service], self._name(kind, place), found, mask)

    def _name(self, kind: str, place: int) -> str:
        return NAMES[kind][place]

    def _fqn(self, service: Thing, name: str) -> str:
        return f"{service.fqn}.{name}"

    def _key(self, kind: str, service: int, place: int) -> Json:
        return {"fully_qualified_name": self._fqn(self.services[service], self._name(kind, place))}

    def _caller(self, actor: Actor) -> Caller:
        return self.server.ingests if actor.ingests else self.server.edits

    def _door(self, actor: Actor) -> HttpDoor:
        return self.server.ingests_by_http if actor.ingests else self.server.edits_by_http

    def _run(self, work: Any) -> Any:
        return self.server.run(work)


def check(server: Remote, sequences: int, *, steps: int, repeatable: bool) -> None:
    """Runs random sequences, and fails with one in which a server and the model disagree.

    Args:
        sequences: Their number.
        steps: Number of calls in each, at most.
        repeatable: Whether every run has the same sequences. Such a run prints a sequence that fails as it is.
    """
    # A class of its own: Hypothesis makes the machines.
    machine = type("Machine", (CatalogMachine,), {"server": server})
    chosen = settings(max_examples=sequences, stateful_step_count=steps, deadline=None, derandomize=repeatable)
    if repeatable:
        # To make a sequence shorter takes minutes, which a short run does not have.
        chosen = settings(chosen, phases=[Phase.generate])
    run_state_machine_as_test(machine, settings=chosen)
