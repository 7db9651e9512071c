"""The table in docs/cost.md: what iota costs a month for 1, 20 and 200 accounts, line by line.

    python docs/cost.py            print the table
    python docs/cost.py --write    put it into docs/cost.md

Change the assumptions in docs/cost.json and below to yours. Everything that is not measured is named as an assumption.
"""

import json
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("cost.md")
BEGIN, END = "<!-- made by docs/cost.py -->\n", "<!-- end -->\n"

# All figures, which `iota doctor --cost` reads too. Prices in USD, us-east-1, x86, without free tiers and discounts; as
# published in November 2026, to be compared with the price list of your region.
#
# per_million_events   S3's events are opt-in events; some price lists show them as free
# per_log_gb           taken in (0.50), and kept for a month (0.03)
# file_ms, record_ms   measured: CPU of `bootstrap` for a file; of all processes for a record with 60 rules that all run
# wait_ms              assumed: what GetObject takes until the file is there, with its turn to KMS: most of the time
# record_gzip_bytes    measured: a record of a public data set of 3,871 files, as it lies there
# lines_…, alert_bytes measured: sizes of our own lines, and of Lambda's (600) for each invocation
# alerts_a_day         assumed, for an account
# at_a_time            files of one invocation that are handled at the same time
FIGURES = json.loads(PAGE.with_name("cost.json").read_text(encoding="utf-8"))
ALARMS, METRICS, DAYS = FIGURES["alarms"], FIGURES["metrics"], FIGURES["days"]

# Assumed: an account of a company at work, five regions with something in them. A quiet account has a tenth of it.
FILES_A_DAY = 1200
RECORDS_A_FILE = 20


def lines(accounts: int, *, queue: bool, files: float | None = None, records: float | None = None) -> dict[str, float]:
    """Every line of the bill, in USD a month; for so many files and records, or for busy accounts."""
    of = FIGURES
    files = accounts * FILES_A_DAY * DAYS if files is None else files
    records = files * RECORDS_A_FILE if records is None else records
    # The queue waits ten seconds for up to ten files; ten seconds of few accounts hold less than one.
    together = min(10.0, max(1.0, files / DAYS / 86400 * 10)) if queue else 1.0
    invocations = files / together
    waits = -(-together // of["at_a_time"])
    busy_ms = waits * of["wait_ms"] + together * (of["file_ms"] + records / files * of["record_ms"])
    logged = files * of["lines_a_file"] + invocations * of["lines_an_invocation"]
    logged += accounts * of["alerts_a_day"] * DAYS * of["alert_bytes"]
    logged += of["canaries_a_day"] * DAYS * (of["lines_a_file"] + of["lines_an_invocation"] + of["alert_bytes"])
    # Lambda asks five times a round of twenty seconds at least, whether there is anything or not.
    asked = DAYS * 86400 / 20 * 5 if queue else 0
    sent = files + 2 * invocations + asked if queue else 0
    shown = ALARMS * of["per_alarm"] + METRICS * of["per_metric"] + of["per_dashboard"]
    return {
        "Lambda, invocations": invocations * of["per_million_invocations"] / 1e6,
        "Lambda, duration": invocations * busy_ms / 1000 * of["memory_mb"] / 1024 * of["per_gb_second"],
        "S3, GetObject": files * of["per_million_gets"] / 1e6,
        "KMS, Decrypt": files * of["per_million_decrypts"] / 1e6,
        "EventBridge, S3's events": files * of["per_million_events"] / 1e6,
        "SQS, requests": sent * of["per_million_queue_requests"] / 1e6,
        "CloudWatch Logs": logged / 1e9 * of["per_log_gb"],
        "CloudWatch, alarms, metrics, dashboard": shown,
    }


def table() -> str:
    """The table, in Markdown."""
    columns = {"1 account": lines(1, queue=False), "20 accounts": lines(20, queue=True)}
    columns["200 accounts"] = lines(200, queue=True)
    text = f"| USD a month | {' | '.join(columns)} |\n|---|{'---:|' * len(columns)}\n"
    for name in columns["1 account"]:
        text += f"| {name} | {' | '.join(f'{bill[name]:,.2f}' for bill in columns.values())} |\n"
    text += f"| **all of it** | {' | '.join(f'**{sum(bill.values()):,.2f}**' for bill in columns.values())} |\n"
    million = [
        sum(bill.values()) / (accounts * FILES_A_DAY * RECORDS_A_FILE * DAYS / 1e6)
        for accounts, bill in zip((1, 20, 200), columns.values(), strict=True)
    ]
    return text + f"| for a million records | {' | '.join(f'{one:,.2f}' for one in million)} |\n"


def page() -> str:
    """The page with the table as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table() + END + after


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(table(), end="")
