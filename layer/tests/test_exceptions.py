"""Exceptions: what `exceptions.yml` may say, what may not be hidden, and the conditions that become of it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from conftest import panther, run_compile, write_files
from reference import outcomes

TODAY = datetime.now(UTC).date()
SOON = (TODAY + timedelta(days=30)).isoformat()
RULE = "def rule(e): return True\n"
GOOD = {
    "id": "backup",
    "rules": ["Test.Rule"],
    "when": {"actor_arn": "arn:x"},
    "owner": "team",
    "reason": "it is theirs",
    "expires": SOON,
}


def compiled(tmp_path, *exceptions, tags="[noisy]"):
    """Compile one rule with these exceptions, given as dictionaries; return code, report or words, and pack."""
    files = panther(RULE, more=f"Tags: {tags}")
    return run_compile(write_files(tmp_path / "rules", {**files, "exceptions.yml": json.dumps(exceptions)}))


def changed(**members):
    """Return a good exception with other members; None takes one out."""
    return {key: value for key, value in {**GOOD, **members}.items() if value is not None}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"id": None}, "exception 1`: has no `id`"),
        ({"owner": None}, "`backup`: has no `owner`; say who answers for it"),
        ({"reason": ""}, "`backup`: has no `reason`"),
        ({"expires": None}, "`backup`: has no `expires`; give a date, at most 180 days ahead"),
        ({"when": None}, "a rule that nobody wants is switched off in `site.yml`"),
        ({"when": {}}, "has no `when`"),
        ({"when": [{}]}, "`backup.when`: is not a mapping"),
        ({"id": "Backup Job"}, "`Backup Job` is no id"),
        ({"rules": None}, "names no rule; give `rules` or `tags`"),
        ({"rules": ["Test.Rul"]}, "there is no rule `Test.Rul`; did you mean `Test.Rule`?"),
        ({"rules": None, "tags": ["nosy"]}, "there is no tag `nosy`; did you mean `noisy`?"),
        ({"expire": SOON}, "unknown key `expire`; did you mean `expires`?"),
        ({"expires": "next year"}, "`next year` is no date"),
        ({"expires": "20261231"}, "`20261231` is no date"),
        ({"expires": (TODAY + timedelta(days=181)).isoformat()}, "is more than 180 days ahead"),
        ({"max_per_day": 0}, "`0` is no whole number from 1"),
        ({"reason": "x\ny"}, "is no text of at most 200 characters in one line"),
        ({"when": {"acount": "1"}}, "`acount` is no field of CloudTrail's records; did you mean `account`?"),
        ({"when": {"requestParams.x": "1"}}, "did you mean `requestParameters`?"),
        ({"when": {"requestParameters..x": "1"}}, "is no field"),
        ({"when": {"account": 12345678901}}, 'quote it: "012345678901"'),
        ({"when": {"source_ip": "10.0.0.1/8"}}, "has host bits set"),
        ({"when": {"source_ip": []}}, "is an empty list"),
        ({"when": {"eventName": {"start_with": "x"}}}, "unknown word `start_with`; did you mean `starts_with`?"),
        ({"when": {"eventName": {}}}, "says nothing; use one of"),
        ({"when": {"eventName": "café"}}, "is no text of ASCII"),
        ({"when": {"errorCode": None}}, "for what is not there write `exists: false`"),
        ({"when": {"eventName": {"matches": "(?=x)"}}}, "is no pattern that can be told for certain"),
        ({"when": {"eventName": {"less": "3"}}}, "is no number"),
        ({"when": {"eventName": {"not": {"not": "x"}}}}, "`not` of `not` says nothing"),
        ({"rules": [["Test.Rule"]]}, "there is no rule `['Test.Rule']`"),
        ({"when": {"eventName": {"exists": "yes"}}}, "is neither true nor false"),
    ],
)
def test_what_is_wrong_is_named_and_no_pack_is_made(tmp_path, members, expected):
    """An exception that is not understood must neither hide something nor be thought to."""
    code, told, _ = compiled(tmp_path, changed(**members))
    print("expected", expected, "got", told)
    assert (code, expected in told) == (2, True)
    assert not (tmp_path / "rules.json").exists()


def test_the_pack_has_what_the_function_needs(tmp_path):
    """Rules by id and by tag, defaults filled in, and the digest of the file."""
    code, report, pack = compiled(tmp_path, changed(rules=None, tags=["noisy"], when={"source_ip": ["10.0.0.0/8"]}))
    assert code == 0, report
    expected = {
        **GOOD,
        "max_per_day": 100,
        "when": [{"condition": {"op": "all", "of": []}, "source_ip": ["10.0.0.0/8"]}],
    }
    assert pack["exceptions"] == [expected]
    assert "exceptions.yml" in pack["files"]
    assert report["own"]["exceptions"] == 1
    _, _, pack = run_compile(tmp_path / "rules", "--no-site")
    assert pack["exceptions"] == []


def test_one_that_has_expired_is_told_and_stops_nothing(tmp_path):
    """A deployment does not break because a day has come."""
    code, report, _ = compiled(tmp_path, changed(expires=TODAY.isoformat()), changed(id="other"))
    assert (code, report["own"]["expired"]) == (0, ["backup"])


def test_two_of_one_id(tmp_path):
    """They would be counted together."""
    code, told, _ = compiled(tmp_path, GOOD, GOOD)
    assert (code, "`backup` is there twice" in told) == (2, True)


def test_folders_layer(tmp_path):
    """A vendored pack beside own rules: helpers of both, one `exceptions.yml`, and it may speak of all rules."""
    vendored = {
        "global_helpers/h.py": "WORD = 'x'\n",
        "p.py": "from h import WORD\ndef rule(e): return e.get('n') == WORD\n",
        "exceptions.yml": "# nothing\n",
        "site.yml": "# nothing\n",
    }
    public = write_files(tmp_path / "public", vendored)
    both = json.dumps([changed(rules=["o", "p"])])
    own = write_files(tmp_path / "own", {"o.py": vendored["p.py"], "exceptions.yml": both})
    for order in ([public, own], [own, public]):
        code, report, pack = run_compile(order[0], str(order[1]), "--import")
        assert code == 0, report
        assert report["failed"] == []
        assert [rule["id"] for rule in pack["rules"]] == ["o", "p"]
        assert [each["rules"] for each in pack["exceptions"]] == [["o", "p"]]
        assert {rule["condition"]["to"] for rule in pack["rules"]} == {"x"}
    write_files(public, {"exceptions.yml": json.dumps([changed(rules=["p"])])})
    code, told, _ = run_compile(public, str(own))
    assert (code, "both say something, and only one can count" in told) == (2, True)
    write_files(own, {"p.py": vendored["p.py"]})
    write_files(public, {"exceptions.yml": ""})
    code, told, _ = run_compile(public, str(own))
    assert (code, "two rules have the id `p`" in told) == (2, True)


@pytest.mark.parametrize(
    ("when", "is_allowed"),
    [
        ({"actor_arn": "arn:x"}, False),
        ({"actor_arn": "arn:x", "account": "012345678901", "source_ip": "10.0.0.0/8"}, False),
        ({"userIdentity.userName": "x", "userAgent": {"contains": "Terraform"}}, False),
        ({"actor_arn": "arn:x", "eventName": "StopLogging"}, False),
        ({"actor_arn": "arn:x", "requestParameters.name": {"exists": True}}, False),
        ({"actor_arn": "arn:x", "requestParameters.name": {"not": "y"}}, False),
        ({"actor_arn": "arn:x", "requestParameters.name": "sandbox"}, True),
        ({"actor_arn": "arn:x", "resources[].ARN": {"ends_with": ":sandbox"}}, True),
        ([{"actor_arn": "arn:x", "requestParameters.name": "sandbox"}, {"actor_arn": "arn:y"}], False),
    ],
)
def test_what_protects_detection_is_not_silenced_by_who_alone(tmp_path, when, is_allowed):
    """Whoever may stop the trail as somebody who is excepted would be unseen."""
    code, told, _ = compiled(tmp_path, changed(when=when), tags="[protects-detection]")
    print("when", when, "got", told)
    assert (code == 0) == is_allowed
    assert is_allowed or "which protects detection" in told


RECORD = {
    "eventName": "GetSecretValue",
    "recipientAccountId": "012345678901",
    "readOnly": True,
    "userIdentity": {
        "arn": "arn:aws:sts::012345678901:assumed-role/backup/s",
        "accountId": "999999999999",
        "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::012345678901:role/backup"}},
    },
    "requestParameters": {"secretId": "backup/a", "count": 3, "tags": ["a", "b"], "items": [{"k": "x"}, {"k": "y"}]},
}


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"actor_arn": "arn:aws:iam::012345678901:role/backup"}, "T"),
        ({"actor_arn": {"starts_with": "arn:aws:sts::012345678901:assumed-role/backup/"}}, "T"),
        ({"actor_arn": "backup"}, "F"),
        ({"account": "012345678901"}, "T"),
        ({"account": "999999999999"}, "F"),
        ({"eventName": ["GetSecretValue", "ListSecrets"]}, "T"),
        ({"eventName": {"in": ["ListSecrets"]}}, "F"),
        ({"eventName": {"not": ["ListSecrets"]}}, "T"),
        ({"eventName": {"starts_with": ["List", "Get"], "ends_with": "Value"}}, "T"),
        ({"eventName": {"contains": "Secret", "matches": "^Get.*Value$"}}, "T"),
        ({"requestParameters.secretId": {"starts_with": "backup/"}, "readOnly": True}, "T"),
        ({"requestParameters.secretId": {"starts_with": "backup/"}, "readOnly": False}, "F"),
        ({"requestParameters.count": {"greater_equal": 3, "less": 4}}, "T"),
        ({"requestParameters.tags": {"contains": "b"}}, "T"),
        ({"requestParameters.tags[]": "c"}, "F"),
        ({"requestParameters.items[].k": "y"}, "T"),
        ({"requestParameters.items[].k": {"starts_with": "z"}}, "F"),
        ({"requestParameters.secretId[]": "backup/a"}, "TF"),
        ({"errorCode": {"exists": False}}, "T"),
        ({"errorCode": {"starts_with": "Access"}}, "F"),
        ({"errorCode": {"not": {"starts_with": "Access"}}}, "T"),
        ({"errorCode": {"less": 3}}, "F"),
        ({"requestParameters.secretId": {"truthy": True}}, "T"),
    ],
)
def test_what_holds_of_a_record(tmp_path, when, expected):
    """What would raise in a rule is false here; only `T` alone hides."""
    code, told, pack = compiled(tmp_path, changed(when=when))
    assert code == 0, told
    got = outcomes(pack["exceptions"][0]["when"][0]["condition"], json.dumps(RECORD))
    print("when", when, "expected", expected, "got", got)
    assert got == set(expected)
