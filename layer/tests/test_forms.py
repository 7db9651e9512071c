"""What a match says: iota's form and Panther's form, their defaults and their limits."""

import json

import pytest
from conftest import panther

LONG = "'x' * 2000"
CUT = "x" * 985 + "... (truncated)"
ID = "Test.Rule"
DEFAULT = f"defaultDedupString:{ID}"


@pytest.mark.parametrize(
    ("result", "match"),
    [(result, True) for result in ("True", "1", "'x'", "[0]", "e", "object()")]
    + [(result, False) for result in ("False", "0", "None", "''", "[]", "{}", "0.0")],
)
def test_iota_matches_on_any_truth(shared_engine, result, match):
    """A rule of iota's form matches when it returns anything truthy, and is quiet on anything falsy."""
    engine = shared_engine("truth", {"r.py": "def rule(e): return eval(e['code'])"})
    assert (engine.verdict({"code": result}) is not None) is match


IOTA_CASES = [
    ("", {"title": "r", "dedup": "r", "severity": "INFO", "context": None}),
    ("def title(e): return 'T'", {"title": "T", "dedup": "r"}),
    ("def title(e): return ''\ndef dedup(e): return ''", {"title": "r", "dedup": "r"}),
    ("def title(e): return None\ndef dedup(e): return None", {"title": "r", "dedup": "r"}),
    ("def severity(): return None", {"severity": "INFO"}),
    ("def severity(): return 'critical'", {"severity": "CRITICAL"}),
    ("def severity(e): return e.get('s')", {"severity": "LOW"}),
    ("def severity(*a): return a[0].get('s')", {"severity": "LOW"}),
    ("severity = lambda e=None: e.get('s')", {"severity": "LOW"}),
    ("def severity(): return 'default'", {"severity": "INFO"}),
    ("def alert_context(e): return None", {"context": None}),
    ("def alert_context(e): return {'a': e.get('s')}", {"context": {"a": "low"}}),
    (f"def title(e): return {LONG}\ndef dedup(e): return {LONG}", {"title": CUT, "dedup": CUT}),
    ("def description(e): return 'ignored'\ndef unique(e): return 'u'", {"description": None, "unique": None}),
]


@pytest.mark.parametrize("case", range(len(IOTA_CASES)))
def test_iota_defaults(shared_engine, case):
    """In iota's form the file's stem and INFO stand in for what is left open, None included, without an error."""
    _, expected = IOTA_CASES[case]
    sources = [f"def rule(e): return True\n{functions}\n" for functions, _ in IOTA_CASES]
    files = {f"{number:02}/r.py": source for number, source in enumerate(sources)}
    ids = {f"{number:02}/r.yml": f"RuleID: r{number:02}" for number in range(len(IOTA_CASES))}
    verdict = shared_engine("iota", files | ids).of(case, {"s": "low"})
    print("expected", expected, "got", verdict)
    assert {key: verdict[key] for key in expected} == expected
    assert verdict["errors"] == []


def test_iota_metadata_sets_the_defaults(make_engine):
    """The `.yml` beside a rule gives its id, its severity and its name; dedup stays the stem."""
    files = {"r.py": "def rule(e): return True", "r.yml": "RuleID: My.Id\nSeverity: High\nDisplayName: Shown\n"}
    engine = make_engine(files)
    verdict = engine.verdict({})
    assert engine.pack["rules"][0]["id"] == "My.Id"
    assert (verdict["title"], verdict["dedup"], verdict["severity"]) == ("Shown", "r", "HIGH")


def test_iota_reads_null_as_missing(make_rule):
    """The seed's own style works on records whose objects are null."""
    source = "def rule(e): return e.get('requestParameters', {}).get('x', 'none') == 'none'"
    engine = make_rule(source)
    assert engine.verdict({"requestParameters": None})["match"] is True
    assert engine.verdict({"requestParameters": {"x": None}})["match"] is True


@pytest.mark.parametrize(
    ("result", "found"), [("1", "int"), ("0", "int"), ("None", "NoneType"), ("'x'", "str"), ("[]", "list")]
)
def test_panther_wants_a_bool(make_panther, result, found):
    """In Panther's form anything but True and False is an error and no match."""
    verdict = make_panther(f"def rule(e): return {result}").verdict({})
    (error,) = verdict["errors"]
    print("got", error)
    assert verdict["match"] is False
    assert (error["phase"], error["failure"], error["file"]) == ("rule", "type", "p.py")
    assert error["exception"] == f"`rule` of `Test.Rule` returned `{found}`, expected `bool`"


PANTHER_CASES = [
    ("", {"title": "Shown", "dedup": DEFAULT, "severity": "HIGH", "context": None}, []),
    ("def title(e): return 'T'", {"title": "T", "dedup": "T"}, []),
    ("def title(e): return ''", {"title": "Shown", "dedup": DEFAULT}, []),
    ("def title(e): raise ValueError", {"title": ID, "dedup": ID}, ["title"]),
    ("def title(e): return None", {"title": ID, "dedup": ID}, ["title"]),
    ("def title(e): return 'T'\ndef dedup(e): return ''", {"title": "T", "dedup": DEFAULT}, []),
    ("def title(e): return 'T'\ndef dedup(e): 1 / 0", {"title": "T", "dedup": DEFAULT}, ["dedup"]),
    ("def title(): return 'T'", {"title": ID}, ["title"]),
    (f"def title(e): return {LONG}", {"title": CUT, "dedup": CUT}, []),
    ("def severity(e): return 'low'", {"severity": "LOW"}, []),
    ("def severity(e): return 'DeFault'", {"severity": "HIGH"}, []),
    ("def severity(e): return ' LOW'", {"severity": "HIGH"}, ["severity"]),
    ("def severity(e): return None", {"severity": "HIGH"}, ["severity"]),
    ("def description(e): return 'D'", {"description": "D"}, []),
    ("def description(e): return ''", {"description": None}, []),
    ("def runbook(e): 1 / 0", {"runbook": None}, ["runbook"]),
    (f"def reference(e): return {LONG}", {"reference": CUT}, []),
    ("def destinations(e): return None", {"destinations": None}, []),
    ("def destinations(e): return []", {"destinations": ["SKIP"]}, []),
    ("def destinations(e): return ['a', 'b']", {"destinations": ["a", "b"]}, []),
    ("def destinations(e): return ['a', 'a']", {"destinations": None}, ["destinations"]),
    ("def destinations(e): return ('a',)", {"destinations": None}, ["destinations"]),
    ("def destinations(e): return [1]", {"destinations": None}, ["destinations"]),
    ("def destinations(e): return list('abcdefghijkl')", {"destinations": list("abcdefghij")}, []),
    ("def alert_context(e): return {'a': 1}", {"context": {"a": 1}}, []),
    ("def alert_context(e): return e['d']", {"context": {"k": None}}, []),
    ("def alert_context(e): raise ValueError('x')", {"context": {"_error": "ValueError('x')"}}, ["alert_context"]),
    ("def alert_context(e): return None", {}, ["alert_context"]),
    ("def unique(e): return 'u'", {"unique": "u"}, []),
    ("def unique(e): return ''", {"unique": ""}, []),
    ("def unique(e): return None", {"unique": None}, ["unique"]),
    ("title = 5", {"title": ID}, ["title"]),
]


@pytest.mark.parametrize("case", range(len(PANTHER_CASES)))
def test_panther_defaults(shared_engine, case):
    """Panther's defaults and limits, function by function; what fails is told and never costs the match."""
    _, expected, failed = PANTHER_CASES[case]
    files = {}
    for number, (functions, _, _) in enumerate(PANTHER_CASES):
        source = f"def rule(e): return True\n{functions}\n"
        files |= panther(source, name=f"R{number:02}", file=f"p{number:02}.py", more="DisplayName: Shown")
    verdict = shared_engine("panther", files).of(case, {"d": {"k": None}})
    text = json.dumps(verdict).replace(f"R{case:02}", ID)
    verdict = json.loads(text)
    print("expected", expected, failed, "got", verdict)
    assert verdict["match"] is True
    assert {key: verdict[key] for key in expected} == expected
    assert [error["phase"] for error in verdict["errors"]] == failed


def test_a_rule_that_never_alerts_is_asked_for_no_more_than_its_verdict(make_engine):
    """With `signals` false its other functions are not called; those of rules that alert are."""
    source = "def rule(e): return True\ndef title(e): return 'asked'\n"
    files = panther(source, name="A", file="a.py") | panther(source, name="S", file="s.py", more="CreateAlert: false")
    for signals, expected in ((False, ["asked", "S"]), (True, ["asked", "asked"])):
        engine = make_engine(files, greet=False)
        engine.greet(signals=signals)
        assert [verdict["title"] for verdict in engine.verdicts({})] == expected


def test_panther_functions_run_in_order_right_after_rule(make_panther):
    """Each function runs once per match, in Panther's order, before the next event's `rule()`."""
    names = ["title", "description", "reference", "severity", "runbook", "destinations", "dedup", "unique"]
    body = "".join(f"def {name}(e):\n    calls.append('{name}')\n    return 'LOW'\n" for name in names)
    engine = make_panther(f"""calls = []
def rule(e):
    calls.append('rule')
    return True
def alert_context(e):
    calls.append('alert_context')
    return {{"calls": list(calls)}}
{body}""")
    first, second = engine.batch([b"{}", b"{}"])
    expected = ["rule", "title", "description", "reference", "severity", "runbook", "destinations", "dedup"]
    expected.append("alert_context")
    assert first["verdicts"][0]["context"]["calls"] == expected
    assert second["verdicts"][0]["context"]["calls"] == [*expected, "unique", *expected]


def test_panther_fields_are_added(make_panther):
    """In Panther's form a record has its log type and its time; what the record itself says stays."""
    engine = make_panther("""def rule(e): return True
def alert_context(e): return {k: v for k, v in e.items() if k.startswith("p_")}
""")
    cases = [
        (
            {"eventTime": "2024-05-01T10:11:12Z"},
            {"p_log_type": "AWS.CloudTrail", "p_event_time": "2024-05-01 10:11:12"},
        ),
        ({"eventTime": "2024-05-01T10:11:12.5+02:00"}, {"p_event_time": "2024-05-01 08:11:12.500000"}),
        ({"eventTime": "never"}, {"p_log_type": "AWS.CloudTrail"}),
        ({"eventTime": 5, "p_log_type": "X", "p_event_time": "y"}, {"p_log_type": "X", "p_event_time": "y"}),
    ]
    for event, expected in cases:
        context = engine.verdict(event)["context"]
        print("expected", expected, "got", context)
        assert context == {"p_log_type": "AWS.CloudTrail", **expected}


def test_iota_sees_the_record_as_it_is(make_engine):
    """In iota's form nothing is added, also when a rule of Panther's form sees the same record."""
    show = "def rule(e): return True\ndef alert_context(e): return {'keys': sorted(e)}\n"
    verdicts = make_engine({"a.py": show, **panther(show, name="b", file="b.py")}).verdicts({"eventName": "X"})
    assert [verdict["context"]["keys"] for verdict in verdicts] == [["eventName"], ["eventName", "p_log_type"]]


MODEL = {
    "data_models/m.yml": """
        AnalysisType: datamodel
        DataModelID: Standard.AWS.CloudTrail
        LogTypes: [AWS.CloudTrail]
        Enabled: true
        Filename: m.py
        Mappings:
          - Name: actor
            Method: get_actor
          - Name: agent
            Path: $.userAgent
          - {name: gone, method: nowhere}
    """,
    "data_models/m.py": "import helper\ndef get_actor(e): return helper.name(e.get('USERIDENTITY', {}))\n",
    "global_helpers/helper.py": "def name(i): return i.get('userName')\n",
}


def test_udm_uses_the_users_data_model(make_engine):
    """`udm` answers from the data model that lies with the rules, whose file may import helpers."""
    source = "def rule(e): return True\ndef title(e): return e.udm('actor') + ' ' + e.udm('agent')\n"
    engine = make_engine({**panther(source), **MODEL})
    verdict = engine.verdict({"userIdentity": {"userName": "ann"}, "userAgent": "cli"})
    assert (verdict["title"], verdict["errors"]) == ("ann cli", [])


def test_udm_tells_what_the_data_model_lacks(make_engine):
    """A method that the model's file does not define is an error of the rule that asks, with the file to mend."""
    engine = make_engine({**panther("def rule(e): return e.udm('gone')"), **MODEL})
    error = engine.error({})
    expected = "data model `Standard.AWS.CloudTrail` maps `gone` to `nowhere`, which its file does not define"
    assert (error["failure"], error["exception"], error["file"]) == ("load", expected, "data_models/m.py")


def test_inline_filters_come_before_the_rule(make_panther):
    """A record that does not pass the filters never reaches `rule()`; one they cannot judge is told."""
    engine = make_panther(
        "def rule(e): return True\n",
        more="""
            InlineFilters:
              - All:
                  - {Key: eventName, Condition: StartsWith, Value: Get}
                  - {DeepKey: [d, n], Condition: IsGreaterThan, Value: 3}
        """,
    )
    assert engine.verdict({"eventName": "GetX", "d": {"n": 4}})["match"] is True
    assert engine.verdict({"eventName": "PutX", "d": {"n": 4}}) is None
    assert engine.verdict({"eventName": "GetX"}) is None
    error = engine.error({"eventName": "GetX", "d": {"n": "4"}})
    print("got", error)
    assert (error["phase"], error["failure"]) == ("filter", "raise")
    assert error["exception"] == "TypeError: '>' not supported between instances of 'str' and 'int'"


def test_caching_is_kept_in_the_worker(make_engine):
    """Panther's key-value helpers work within one worker."""
    source = """
        from panther_detection_helpers.caching import get_string_set, put_string_set
        def rule(e):
            seen = get_string_set("k")
            put_string_set("k", seen | {e.get("n")})
            return len(seen) == 2
    """
    engine = make_engine({"r.py": source})
    replies = engine.batch([b'{"n":"a"}', b'{"n":"b"}', b'{"n":"c"}'])
    assert [len(reply["verdicts"]) for reply in replies] == [0, 0, 1]
