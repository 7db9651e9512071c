"""The table in docs/cost.md: what iota costs a month for 1, 20 and 200 accounts, line by line.

    python docs/cost.py            print the table
    python docs/cost.py --write    put it into docs/cost.md

Change the assumptions below to yours. Everything that is not measured is named as an assumption.
"""

import sys
from pathlib import Path

PAGE = Path(__file__).with_name("cost.md")
BEGIN, END = "<!-- made by docs/cost.py -->\n", "<!-- end -->\n"

# Prices in USD, us-east-1, x86, without free tiers and discounts; as published in November 2026, to be compared with
# the price list of your region.
PER_GB_SECOND = 0.0000166667
PER_MILLION_INVOCATIONS = 0.20
PER_MILLION_GETS = 0.40
PER_MILLION_DECRYPTS = 3.00
PER_MILLION_EVENTS = 1.00  # S3's events are opt-in events; some price lists show them as free
PER_MILLION_QUEUE_REQUESTS = 0.40
PER_LOG_GB = 0.50 + 0.03  # taken in, and kept for a month
PER_ALARM, PER_METRIC, PER_DASHBOARD = 0.10, 0.30, 3.00

# Measured: CPU of `bootstrap` for a file, and of all processes for a record with 60 rules that all run on it.
FILE_MS = 0.74
RECORD_MS = 0.063
# Assumed: what GetObject takes until the file is there, with its turn to KMS. Most of the time is this.
WAIT_MS = 60
# Assumed: an account of a company at work, five regions with something in them. A quiet account has a tenth of it.
FILES_A_DAY = 1200
RECORDS_A_FILE = 20
# Sizes of our own lines, and of Lambda's for each invocation.
LINES_A_FILE, LINES_AN_INVOCATION, ALERT = 750, 1600 + 600, 3800
ALERTS_A_DAY = 2  # an account
ALARMS, METRICS = 13, 23 + 2
CANARIES_A_DAY = 4 * 24

DAYS = 30
MEMORY_MB = 1769
AT_A_TIME = 2  # files of one invocation that are handled at the same time


def lines(accounts: int, *, queue: bool) -> dict[str, float]:
    """Every line of the bill, in USD a month."""
    files = accounts * FILES_A_DAY * DAYS
    # The queue waits ten seconds for up to ten files; ten seconds of few accounts hold less than one.
    together = min(10.0, max(1.0, files / DAYS / 86400 * 10)) if queue else 1.0
    invocations = files / together
    waits = -(-together // AT_A_TIME)
    busy_ms = waits * WAIT_MS + together * (FILE_MS + RECORDS_A_FILE * RECORD_MS)
    logged = files * LINES_A_FILE + invocations * LINES_AN_INVOCATION + accounts * ALERTS_A_DAY * DAYS * ALERT
    logged += CANARIES_A_DAY * DAYS * (LINES_A_FILE + LINES_AN_INVOCATION + ALERT)
    # Lambda asks five times a round of twenty seconds at least, whether there is anything or not.
    asked = DAYS * 86400 / 20 * 5 if queue else 0
    bill = {
        "Lambda, invocations": invocations * PER_MILLION_INVOCATIONS / 1e6,
        "Lambda, duration": invocations * busy_ms / 1000 * MEMORY_MB / 1024 * PER_GB_SECOND,
        "S3, GetObject": files * PER_MILLION_GETS / 1e6,
        "KMS, Decrypt": files * PER_MILLION_DECRYPTS / 1e6,
        "EventBridge, S3's events": files * PER_MILLION_EVENTS / 1e6,
        "SQS, requests": (files + 2 * invocations + asked) * PER_MILLION_QUEUE_REQUESTS / 1e6 if queue else 0.0,
        "CloudWatch Logs": logged / 1e9 * PER_LOG_GB,
        "CloudWatch, alarms, metrics, dashboard": ALARMS * PER_ALARM + METRICS * PER_METRIC + PER_DASHBOARD,
    }
    return bill


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
