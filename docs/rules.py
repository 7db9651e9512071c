"""docs/rules.md and docs/attack-coverage.svg: every rule of the pack, and which techniques of ATT&CK they watch for.

    python docs/rules.py            print the page
    python docs/rules.py --write    write the page and the picture
    python docs/rules.py --check    say what is not current, and which rule lacks what

Everything is read from the rules and from the conditions that the compiler takes from them. Needs PyYAML.
"""

import ast
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

Rule = dict[str, Any]
# Values of a field; None is every value.
Names = set[str] | None

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "rules"
PAGE, PICTURE = ROOT / "docs" / "rules.md", ROOT / "docs" / "attack-coverage.svg"
ATTACK = "MITRE ATT&CK"
SEVERITIES = ("INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL")

TACTICS = {
    "TA0042": "Resource Development",
    "TA0001": "Initial Access",
    "TA0002": "Execution",
    "TA0003": "Persistence",
    "TA0004": "Privilege Escalation",
    "TA0005": "Defense Evasion",
    "TA0006": "Credential Access",
    "TA0007": "Discovery",
    "TA0008": "Lateral Movement",
    "TA0009": "Collection",
    "TA0011": "Command and Control",
    "TA0010": "Exfiltration",
    "TA0040": "Impact",
}
TECHNIQUES = {
    "T1005": "Data from Local System",
    "T1020.001": "Traffic Duplication",
    "T1021": "Remote Services",
    "T1021.004": "SSH",
    "T1021.007": "Cloud Services",
    "T1027": "Obfuscated Files or Information",
    "T1037": "Initialization Scripts",
    "T1040": "Network Sniffing",
    "T1048": "Exfiltration Over Other Protocol",
    "T1059.009": "Cloud API",
    "T1069.003": "Cloud Groups",
    "T1070": "Indicator Removal",
    "T1072": "Software Deployment Tools",
    "T1074.002": "Remote Data Staging",
    "T1078.004": "Cloud Accounts",
    "T1087.004": "Cloud Account Discovery",
    "T1098": "Account Manipulation",
    "T1098.001": "Additional Cloud Credentials",
    "T1098.003": "Additional Cloud Roles",
    "T1098.004": "SSH Authorized Keys",
    "T1098.005": "Device Registration",
    "T1098.006": "Additional Cluster Roles",
    "T1105": "Ingress Tool Transfer",
    "T1110.001": "Password Guessing",
    "T1110.003": "Password Spraying",
    "T1119": "Automated Collection",
    "T1133": "External Remote Services",
    "T1136.003": "Create Cloud Account",
    "T1190": "Exploit Public-Facing App",
    "T1199": "Trusted Relationship",
    "T1204.003": "Malicious Image",
    "T1213": "Data from Repositories",
    "T1484": "Domain or Tenant Policy",
    "T1484.002": "Trust Modification",
    "T1485": "Data Destruction",
    "T1485.001": "Lifecycle-Triggered Deletion",
    "T1486": "Data Encrypted for Impact",
    "T1489": "Service Stop",
    "T1490": "Inhibit System Recovery",
    "T1491.001": "Internal Defacement",
    "T1496": "Resource Hijacking",
    "T1496.001": "Compute Hijacking",
    "T1496.003": "SMS Pumping",
    "T1496.004": "Cloud Service Hijacking",
    "T1518.001": "Security Software Discovery",
    "T1525": "Implant Internal Image",
    "T1526": "Cloud Service Discovery",
    "T1530": "Data from Cloud Storage",
    "T1531": "Account Access Removal",
    "T1535": "Unused Cloud Regions",
    "T1537": "Transfer to Cloud Account",
    "T1546": "Event Triggered Execution",
    "T1548.005": "Temporary Cloud Access",
    "T1550.001": "Application Access Token",
    "T1552": "Unsecured Credentials",
    "T1552.001": "Credentials In Files",
    "T1552.005": "Instance Metadata API",
    "T1555": "Credentials from Stores",
    "T1555.006": "Secrets Management Stores",
    "T1556": "Modify Authentication",
    "T1556.006": "Multi-Factor Authentication",
    "T1556.007": "Hybrid Identity",
    "T1562": "Impair Defenses",
    "T1562.001": "Disable or Modify Tools",
    "T1562.007": "Disable Cloud Firewall",
    "T1562.008": "Disable Cloud Logs",
    "T1567": "Exfiltration Over Web Service",
    "T1567.002": "Exfiltration to Cloud Storage",
    "T1578": "Modify Cloud Compute",
    "T1578.002": "Create Cloud Instance",
    "T1578.005": "Modify Compute Configurations",
    "T1580": "Infrastructure Discovery",
    "T1584": "Compromise Infrastructure",
    "T1584.001": "Domains",
    "T1599": "Network Boundary Bridging",
    "T1606.002": "SAML Tokens",
    "T1609": "Container Administration",
    "T1610": "Deploy Container",
    "T1611": "Escape to Host",
    "T1619": "Storage Object Discovery",
    "T1621": "MFA Request Generation",
    "T1648": "Serverless Execution",
    "T1651": "Cloud Administration Command",
    "T1654": "Log Enumeration",
    "T1666": "Modify Cloud Hierarchy",
}
# A longer list of events or fields ends in how many more there are; the rule itself has them all.
SHOWN = 4


def compiled() -> tuple[list[Rule], list[Any]]:
    """Every rule as the pack has it, and its tests, with nothing set in site.yml."""
    with tempfile.TemporaryDirectory() as folder:
        pack, tests = Path(folder, "pack.json"), Path(folder, "tests.json")
        command = [sys.executable, "-m", "iota_engine", "compile", str(RULES), "--output", str(pack)]
        command += ["--tests", str(tests), "--no-import", "--no-site", "--include-disabled"]
        done = subprocess.run(command, cwd=ROOT / "layer", capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        return json.loads(pack.read_text())["rules"], json.loads(tests.read_text())


def needed(condition: dict[str, Any], field: str, *, wanted: bool = True) -> Names:
    """For which values of a field a condition may be true (or false); None for all. As src/prefilter/index.rs."""
    op = condition["op"]
    parts = condition.get("of", [])
    parts = parts if isinstance(parts, list) else [parts]
    if op in ("always", "never"):
        return None if wanted == (op == "always") else set()
    if op == "raises":
        return set()
    if op == "not":
        return needed(parts[0], field, wanted=not wanted)
    if op in ("all", "any"):
        throughout = wanted == (op == "all")
        found = [needed(part, field, wanted=wanted) for part in parts]
        return both(found) if throughout else either(found)
    if op == "if":
        test, yes, no = parts
        ways = [
            both([needed(test, field), needed(yes, field, wanted=wanted)]),
            both([needed(test, field, wanted=False), needed(no, field, wanted=wanted)]),
        ]
        return either(ways)
    if op == "rescue":
        return either([needed(part, field, wanted=wanted) for part in parts])
    plain = condition.get("term") in ([{"get": field}], [{"item": field}], [{"get": field, "null": True}])
    if wanted and plain and op == "equals":
        return {condition["to"]}
    if wanted and plain and op == "in":
        return set(condition["set"])
    return None


def both(found: list[Names]) -> Names:
    """What is in all of the sets; None is everything."""
    known = [names for names in found if names is not None]
    return set.intersection(*known) if known else None


def either(found: list[Names]) -> Names:
    """What is in one of the sets; None is everything."""
    return None if any(names is None for names in found) else set().union(*found)


def fields(node: object, found: dict[str, None] | None = None) -> list[str]:
    """The fields of the event that a condition asks for, in the order in which they are met."""
    found = {} if found is None else found
    if isinstance(node, dict):
        for key in ("term", "in"):
            path = path_of(node.get(key))
            if path:
                found[path] = None
        for key in ("of", "where"):
            fields(node.get(key), found)
    elif isinstance(node, list):
        for part in node:
            fields(part, found)
    return list(found)


def path_of(term: list[Any] | None) -> str:
    """The dotted name of a term that begins at the event; nothing for others."""
    names = []
    for step in term or []:
        if not isinstance(step, dict) or not ({"get", "item", "deep"} & step.keys()):
            break
        names += step["deep"] if "deep" in step else [step.get("get") or step.get("item")]
    return ".".join(map(str, names))


def severity(rule: Rule) -> str:
    """The rule's severity, and in brackets the others that its own `severity` may say."""
    tree = ast.parse((RULES / rule["path"]).read_text())
    said = {
        node.value
        for function in tree.body
        if isinstance(function, ast.FunctionDef) and function.name == "severity"
        for node in ast.walk(function)
        if isinstance(node, ast.Constant) and node.value in SEVERITIES
    }
    others = [word.title() for word in SEVERITIES if word in said - {rule["severity"]}]
    return rule["severity"].title() + (f" ({', '.join(others)})" if others else "")


def listed(names: Iterable[str], what: str) -> str:
    """Some names in backticks, and how many more."""
    names = list(names)
    text = ", ".join(f"`{name}`" for name in names[:SHOWN])
    more = len(names) - SHOWN
    return text + (f" and {more} more {what}{'s' if more > 1 else ''}" if more > 0 else "")


def row(rule: Rule) -> str:
    """One line of the table."""
    condition = rule["condition"]
    names, sources = needed(condition, "eventName"), needed(condition, "eventSource")
    if names is not None:
        index = listed(sorted(names), "event")
    elif sources is not None:
        index = "all of " + listed(sorted(sources), "service")
    else:
        index = "every record"
    asked = [path for path in fields(condition) if path not in ("eventName", "eventSource")]
    counts = ""
    if rule["threshold"] > 1:
        what = "different" if "unique" in rule["functions"] else "matches"
        counts = f"; {rule['threshold']} {what} in {rule['dedup_period_minutes']} minutes"
    if "\nEnabled: false\n" in (RULES / rule["path"]).with_suffix(".yml").read_text():
        counts += "; off until [site.yml](writing-rules.md#your-own-values-siteyml) says otherwise"
    techniques = ", ".join(dict.fromkeys(one.partition(":")[2] for one in rule["metadata"]["reports"][ATTACK]))
    name = f"[{rule['id'].removeprefix('IOTA.AWS.')}](../rules/{Path(rule['path']).with_suffix('.yml')})"
    cells = (
        name,
        rule["metadata"]["display_name"] + counts,
        severity(rule),
        techniques,
        index,
        listed(asked, "field"),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def page(rules: list[Rule]) -> str:
    """The whole page."""
    by_severity = Counter(rule["severity"] for rule in rules)
    counted = ", ".join(f"{by_severity[word]} {word.title()}" for word in reversed(SEVERITIES) if by_severity[word])
    indexed = sum(
        any(needed(rule["condition"], field) is not None for field in ("eventName", "eventSource")) for rule in rules
    )
    techniques = {one.partition(":")[2] for rule in rules for one in rule["metadata"]["reports"][ATTACK]}
    text = f"""# The rules

<!-- made by docs/rules.py: change that, or the rules -->
{len(rules)} rules ({counted}) for {len(techniques)} techniques of MITRE ATT&CK. {indexed} are *indexed*: Rust looks at
them only for events of the names or services below, the others at every record ([rulepack.md](rulepack.md) tells how).
Python is asked only where the fields in the last column, and what the rule compares them with, allow a match. Severity
is the rule's own, with others in brackets that it says of some events. Each name leads to the runbook, the false
positives and the tests; all ids begin with `IOTA.AWS.`. What an ordinary account makes of them is in
[noise.md](noise.md).

![Techniques of ATT&CK by tactic, and how many rules watch for each](attack-coverage.svg)
"""
    for tactic, title in TACTICS.items():
        own = [rule for rule in rules if first_tactic(rule) == tactic]
        if own:
            text += f"\n## {title}\n\n"
            text += "| rule | alerts on | severity | ATT&CK | looked at for | asks for |\n|---|---|---|---|---|---|\n"
            text += "".join(map(row, own))
    return text


def first_tactic(rule: Rule) -> str:
    """The earliest tactic that a rule reports to."""
    own = {one.partition(":")[0] for one in rule["metadata"]["reports"][ATTACK]}
    return next(tactic for tactic in TACTICS if tactic in own)


WIDTH, CELL, GAP, TOP, SIDE = 112, 44, 4, 96, 16
SHADES = ((1, "#dbeafe", "#1e293b"), (3, "#93c5fd", "#0f172a"), (6, "#3b82f6", "#ffffff"), (10, "#1e40af", "#ffffff"))


def picture(rules: list[Rule]) -> str:
    """The coverage as SVG: a column for each tactic, a cell for each technique, darker for more rules."""
    columns = {tactic: Counter() for tactic in TACTICS}
    for rule in rules:
        for one in rule["metadata"]["reports"][ATTACK]:
            tactic, _, technique = one.partition(":")
            columns[tactic][technique] += 1
    columns = {tactic: counts for tactic, counts in columns.items() if counts}
    width = 2 * SIDE + len(columns) * (WIDTH + GAP) - GAP
    height = TOP + max(map(len, columns.values())) * (CELL + GAP) + 12
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="system-ui, DejaVu Sans, sans-serif">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        text(
            SIDE, 28, f"{len(rules)} rules of iota, by tactic and technique of MITRE ATT&CK", 16, "#0f172a", bold=True
        ),
    ]
    out += legend(width)
    for number, (tactic, counts) in enumerate(columns.items()):
        x = SIDE + number * (WIDTH + GAP)
        lines = wrapped(TACTICS[tactic], 15)
        for up, words in enumerate(reversed(lines)):
            out.append(text(x, TOP - 24 - 13 * up, words, 10.5, "#0f172a", bold=True))
        out.append(text(x, TOP - 9, f"{len(counts)} techniques" if len(counts) > 1 else "1 technique", 9, "#475569"))
        for place, (technique, count) in enumerate(sorted(counts.items())):
            out += cell(x, TOP + place * (CELL + GAP), technique, count)
    return "\n".join([*out, "</svg>\n"])


def legend(width: int) -> list[str]:
    """What the shades mean."""
    out = []
    words = [f"{least}+ rules" if least > 1 else "1 or 2 rules" for least, _, _ in SHADES]
    for number, ((_, fill, _), word) in enumerate(zip(SHADES, words, strict=True)):
        x = width - SIDE - (len(SHADES) - number) * 92
        out.append(f'<rect x="{x}" y="17" width="14" height="14" rx="2" fill="{fill}"/>')
        out.append(text(x + 19, 28, word, 10, "#334155"))
    return out


def cell(x: int, y: int, technique: str, count: int) -> list[str]:
    """One technique."""
    fill, ink = next((fill, ink) for least, fill, ink in reversed(SHADES) if count >= least)
    out = [f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{CELL}" rx="3" fill="{fill}"/>']
    out.append(text(x + 6, y + 13, technique, 9, ink, bold=True))
    out.append(text(x + WIDTH - 6, y + 13, str(count), 9, ink, bold=True, end=True))
    out += [
        text(x + 6, y + 25 + 11 * number, line, 8.5, ink) for number, line in enumerate(wrapped(TECHNIQUES[technique]))
    ]
    return out


def wrapped(name: str, room: int = 20) -> list[str]:
    """A name in at most two lines."""
    lines = [""]
    for word in name.split():
        if lines[-1] and len(lines[-1]) + len(word) >= room:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines[:2]


def text(x: float, y: float, words: str, size: float, fill: str, *, bold: bool = False, end: bool = False) -> str:
    """A text element."""
    more = (' font-weight="600"' if bold else "") + (' text-anchor="end"' if end else "")
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{fill}"{more}>{escape(words)}</text>'


def lacking(rules: list[Rule], tests: list[Any]) -> Iterator[str]:
    """What rules lack that each must have, one line for each."""
    for rule in rules:
        name, said = rule["id"], rule["metadata"]
        for key in ("description", "runbook", "reference", "display_name"):
            if not said[key]:
                yield f"{name}: no {key}"
        if "False positives:" not in said["runbook"]:
            yield f"{name}: the runbook says nothing of false positives"
        expected = {test["expected"] for test in tests if test["id"] == name}
        for outcome, words in ((True, "matches"), (False, "does not match")):
            if outcome not in expected:
                yield f"{name}: no test that {words}"
        reports = said["reports"].get(ATTACK, [])
        if not reports:
            yield f"{name}: no technique under `Reports: {ATTACK}:`"
        for one in reports:
            tactic, _, technique = one.partition(":")
            if tactic not in TACTICS or technique not in TECHNIQUES:
                yield f"{name}: `{one}` is no tactic and technique that docs/rules.py knows"


def main() -> None:
    """Print, write or check."""
    rules, tests = compiled()
    lacks = list(lacking(rules, tests))
    if lacks:
        sys.exit("\n".join(lacks))
    made = {PAGE: page(rules), PICTURE: picture(rules)}
    if "--write" in sys.argv:
        for file, content in made.items():
            file.write_text(content, encoding="utf-8")
    elif "--check" in sys.argv:
        stale = [file for file, content in made.items() if not file.is_file() or file.read_text("utf-8") != content]
        if stale:
            names = ", ".join(f"`{file.relative_to(ROOT)}`" for file in stale)
            sys.exit(f"{names}: not what the rules say; run `python docs/rules.py --write`")
        sys.stdout.write(f"docs/rules.md and docs/attack-coverage.svg are current: {len(rules)} rules\n")
    else:
        sys.stdout.write(made[PAGE])


if __name__ == "__main__":
    main()
