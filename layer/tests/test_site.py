"""The site: what `site.yml` may say, what becomes of it in the pack, and what rules see of it."""

import ipaddress
import random

import pytest
from conftest import LAYER, panther, run_compile, write_files

from iota_engine._site import Site
from iota_engine._site_module import source

ASKS = """
import iota_site

def rule(event):
    return event["q"] == "x"

def alert_context(event):
    return {name: getattr(iota_site, name)(event["a"]) for name in event["names"]}
"""
FUNCTIONS = (
    "account_name",
    "environment",
    "is_allowed_region",
    "is_break_glass",
    "is_ci_role",
    "is_known_account",
    "is_trusted_address",
)
NOTHING = dict(zip(FUNCTIONS, (None, None, True, False, False, False, False), strict=True))
SITE = """
accounts:
  "012345678901": {name: shop, environment: prod, owner: a@example.com}
  444455556666: {name: backup}
trusted_cidrs: [198.51.100.0/24, "2001:db8::/32", 203.0.113.7]
ci_roles: ["arn:aws:iam::*:role/path/ci"]
break_glass: ["arn:aws:iam::012345678901:user/glass"]
allowed_regions: [eu-central-1]
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accont: {}", "unknown key `accont`; did you mean `accounts`?"),
        ("accounts: {012345678901: {}}", 'quote it: "012345678901"'),
        ("accounts: {'123': {}}", "`accounts`: `123` is no account id; write 12 digits in quotes"),
        ("accounts: {'012345678901': {nme: x}}", "`accounts.012345678901`: unknown key `nme`; did you mean `name`?"),
        ("accounts: {'012345678901': {name: 7}}", "`accounts.012345678901.name`: `7` is no text"),
        ("accounts: [x]", "`accounts`: is not a mapping"),
        ("trusted_cidrs: 10.0.0.0/8", "`trusted_cidrs`: is not a list"),
        ("trusted_cidrs: [10.0.0.1/8]", "10.0.0.1/8 has host bits set"),
        ("trusted_cidrs: [office]", "`office` is no address or network"),
        ("trusted_cidrs: [167772160]", "it is no text"),
        ("trusted_cidrs: ['::/0']", "`::/0` is every address there is"),
        ("ci_roles: [ci]", "`ci` is no ARN of a role"),
        ("ci_roles: ['arn:aws:iam::012345678901:user/ci']", "is no ARN of a role"),
        ("ci_roles: ['arn:aws:iam::012345678901:role/*']", "is no ARN of a role"),
        ("ci_roles: ['arn:aws:iam::*:role/ci']", "list them under `accounts`"),
        ("allowed_regions: [EU]", "`EU` is no region"),
        ("rules: {Test.Rul: {enabled: false}}", "there is no rule `Test.Rul`; did you mean `Test.Rule`?"),
        ("tags: {noise: {enabled: false}}", "there is no tag `noise`; did you mean `noisy`?"),
        ("rules: {Test.Rule: {severty: Low}}", "`rules.Test.Rule`: unknown key `severty`; did you mean `severity`?"),
        ("rules: {Test.Rule: {severity: Bad}}", "`Bad` is no severity"),
        ("rules: {Test.Rule: {enabled: 1}}", "`1` is neither true nor false"),
        ("rules: {Test.Rule: {threshold: 0}}", "`0` is no whole number from 1"),
        ("rules: {Test.Rule: {threshold: true}}", "`True` is no whole number from 1"),
        ("rules: {Test.Rule: {threshold: 2, dedup_period_minutes: 0}}", "give the minutes they lie in"),
        ("tags: {noisy: {severity: Low}, other: {severity: High}}", "tags `noisy` and `other` disagree"),
        ("accounts: {}\naccounts: {}", "`site.yml:2`: the key `accounts` is there twice"),
        ("- accounts", "is not a mapping"),
        ("a: [", "not YAML"),
    ],
)
def test_what_is_wrong_is_named_and_no_pack_is_made(tmp_path, text, expected):
    """A value that is passed by in silence would change what is detected."""
    files = panther("def rule(e): return True\n", more="Tags: [noisy, other]")
    code, told, _ = run_compile(write_files(tmp_path / "rules", {**files, "site.yml": text}))
    print("expected", expected, "got", told)
    assert (code, expected in told) == (2, True)
    assert not (tmp_path / "rules.json").exists()


def test_everything_wrong_is_told_at_once(tmp_path):
    """Somebody who mends one thing should not meet the next one by one."""
    site = "accounts: {'1': {}}\ntrusted_cidrs: [x]\nrulse: {}\n"
    _, told, _ = run_compile(write_files(tmp_path / "rules", {"r.py": "def rule(e): return True\n", "site.yml": site}))
    assert len(told.splitlines()) == 3, told


def test_what_rules_see(make_engine):
    """The same module answers with what is set, and harmlessly where nothing is."""
    engine = make_engine({"r.py": ASKS, "site.yml": SITE})
    engine.check_names = list(FUNCTIONS)
    role = "arn:aws:iam::{}:role/path/ci"
    cases = [
        ("012345678901", {"account_name": "shop", "environment": "prod", "is_known_account": True}),
        ("444455556666", {"account_name": "backup", "is_known_account": True}),
        ("198.51.100.9", {"is_trusted_address": True}),
        ("203.0.113.7", {"is_trusted_address": True}),
        ("203.0.113.8", {}),
        ("2001:db8::1", {"is_trusted_address": True}),
        ("AWS Internal", {}),
        (role.format("444455556666"), {"is_ci_role": True}),
        (role.format("999999999999"), {}),
        ("arn:aws:iam::012345678901:user/glass", {"is_break_glass": True}),
        ("eu-central-1", {"is_allowed_region": True}),
        (None, {}),
        (7, {}),
        (["x"], {}),
    ]
    for asked, more in cases:
        expected = {**NOTHING, "is_allowed_region": False, **more}
        verdict = engine.verdict({"q": "x", "a": asked, "names": list(FUNCTIONS)})
        print("asked", asked, "expected", expected, "got", verdict)
        assert verdict["context"] == expected


def test_nothing_set_answers_as_if_nothing_were_known(make_engine):
    """Without a `site.yml`, and with one in which everything is commented out."""
    engine = make_engine({"r.py": ASKS, "site.yml": "# accounts:\n"})
    verdict = engine.verdict({"q": "x", "a": "012345678901", "names": list(FUNCTIONS)})
    assert verdict["context"] == NOTHING
    assert engine.pack["files"].keys() == {"r.py"}


def test_networks_are_pythons(make_engine):
    """The numbers that are written into the module hold the very addresses that `ipaddress` says."""
    draw = random.Random(7)
    networks = [ipaddress.ip_network((draw.getrandbits(32), draw.randint(1, 32)), strict=False) for _ in range(20)]
    networks.append(ipaddress.ip_network("::ffff:0:0/97"))
    site = f"trusted_cidrs: {[str(network) for network in networks]}"
    engine = make_engine({"r.py": ASKS, "site.yml": site})
    asked = [ipaddress.ip_address(draw.getrandbits(32)) for _ in range(50)]
    asked += [network[at] for network in networks for at in (0, -1)]
    asked += [network[0] - 1 for network in networks if int(network[0])]
    wrong = []
    for address in asked:
        verdict = engine.verdict({"q": "x", "a": str(address), "names": ["is_trusted_address"]})
        expected = any(address in network for network in networks)
        if verdict["context"] != {"is_trusted_address": expected}:
            wrong.append((str(address), expected))
    assert not wrong


def test_conditions_know_what_is_set(tmp_path):
    """A role that deploys is a constant to the compiler; an unset value leaves no trace."""
    rule = "from iota_site import is_ci_role\ndef rule(e): return not is_ci_role(e.get('r')) and e.get('n') == 'x'\n"
    plain = {"op": "equals", "term": [{"get": "n"}], "to": "x"}
    _, _, pack = run_compile(write_files(tmp_path / "a", {"r.py": rule}))
    assert pack["rules"][0]["condition"] == plain
    site = "ci_roles: ['arn:aws:iam::012345678901:role/ci']"
    _, _, pack = run_compile(write_files(tmp_path / "b", {"r.py": rule, "site.yml": site}))
    got = pack["rules"][0]["condition"]
    print("got", got)
    assert got["op"] == "all"
    assert got["of"][0]["op"] == "not"
    assert "arn:aws:iam::012345678901:role/ci" in str(got["of"][0])


def test_overrides(tmp_path):
    """Tags first, then the rule itself; a rule that is off is listed, one that was off may be switched on."""
    files = {
        **panther("def rule(e): return True\n", "A", "a.py", more="Tags: [noisy]"),
        **panther("def rule(e): return True\n", "B", "b.py", more="Tags: [noisy]"),
        **panther("def rule(e): return True\n", "C", "c.py"),
        "d.py": "def rule(e): return True\n",
        "site.yml": """
            tags: {noisy: {severity: Low, dedup_period_minutes: 15}}
            rules:
              B: {severity: Critical}
              C: {enabled: false}
              d: {threshold: 3}
        """,
    }
    _, report, pack = run_compile(write_files(tmp_path / "rules", files))
    keys = ("id", "severity", "dedup_period_minutes", "threshold")
    got = [(*(rule[key] for key in keys), rule.get("severity_fixed", False)) for rule in pack["rules"]]
    expected = [("A", "LOW", 15, 1, True), ("B", "CRITICAL", 15, 1, True), ("d", "INFO", 60, 3, False)]
    print("expected", expected, "got", got)
    assert got == expected
    assert report["listed"] == [{"id": "C", "path": "c.py", "reason": "switched off in `site.yml`"}]
    assert [change["id"] for change in report["own"]["changed"]] == ["A", "B", "C", "d"]
    assert "site.yml" in pack["files"]
    _, _, pack = run_compile(tmp_path / "rules", "--no-site")
    assert [rule["severity"] for rule in pack["rules"]] == ["HIGH", "HIGH", "HIGH", "INFO"]


def test_what_is_wanted_and_not_set_is_told(tmp_path):
    """By each rule that comes to it, through helpers too, and by no other that imports the same helper."""
    files = {
        "global_helpers/h.py": """
            from iota_site import is_ci_role
            import iota_site
            def by_ci(e): return is_ci_role(e.get("r"))
            def here(e): return iota_site.is_allowed_region(e.get("g"))
            LIST = iota_site.ACCOUNTS
            def plain(e): return True
        """,
        "a.py": "from h import by_ci\ndef rule(e): return by_ci(e)\n",
        "b.py": "import h\ndef rule(e): return h.here(e) or e in h.LIST\n",
        "c.py": "from h import plain\ndef rule(e): return plain(e)\n",
        "site.yml": "accounts: {'012345678901': {}}",
    }
    _, report, _ = run_compile(write_files(tmp_path / "rules", files))
    expected = [{"value": "allowed_regions", "rules": ["b"]}, {"value": "ci_roles", "rules": ["a"]}]
    assert report["own"]["wants"] == expected


def test_of_several_folders_one_may_say_something(tmp_path):
    """A vendored pack's own file says nothing; two that do are an error that names both."""
    rule = "def rule(e): return True\n"
    public = write_files(tmp_path / "public", {"p.py": rule, "site.yml": "# nothing\n"})
    own = write_files(tmp_path / "own", {"o.py": rule, "site.yml": "rules: {p: {severity: High}}"})
    code, report, pack = run_compile(public, str(own))
    assert code == 0, report
    assert [(each["id"], each["severity"]) for each in pack["rules"]] == [("o", "INFO"), ("p", "HIGH")]
    write_files(public, {"site.yml": "accounts: {}"})
    code, told, _ = run_compile(public, str(own))
    assert code == 2
    assert "both say something, and only one can count" in told


def test_a_file_of_another_name_or_place_is_told(tmp_path):
    """One that does not count must not look as if it did."""
    rule = "def rule(e): return True\n"
    code, told, _ = run_compile(write_files(tmp_path / "a", {"r.py": rule, "site.yaml": "accounts: {}"}))
    assert (code, "call it `site.yml`" in told) == (2, True)
    _, report, _ = run_compile(write_files(tmp_path / "b", {"r.py": rule, "deep/site.yml": "accounts: {}"}))
    assert [told["path"] for told in report["failed"]] == ["deep/site.yml"]


def test_the_helper_of_the_rule_pack_is_what_nothing_set_makes():
    """Panther's tools know no `site.yml`: for them it lies beside the other helpers."""
    file = LAYER.parent / "rules" / "global_helpers" / "iota_site.py"
    assert file.read_text() == source(Site())
