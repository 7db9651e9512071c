#!/usr/bin/env python3
"""Thousands of notifications through a queue, several environments of the real function, and faults all the while.

python tests/faults/load.py --notifications 5000 --faults 5 --seed 1

moto is SQS, as the template's `Delivery=Queue` has it: a queue, five tries, a failure queue behind it. S3 and whoever
must acknowledge alerts are those of the fault runs. Nothing may be lost: in the end every log file was done, with all
its records accounted for and all its alerts acknowledged, or its message lies in the failure queue.
"""

import argparse
import gzip
import json
import logging
import multiprocessing
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import boto3
from desk import Desk
from moto.server import DomainDispatcherApplication, create_backend_app
from plan import ALERTS_TO, BUCKET, DESK, match_id
from werkzeug.serving import make_server
from world import S3, Function, Json, binaries, compile_rules

# What the SDK makes good, what a retry of the message does, and what nothing does.
PASSING = ["500", "503", "reset"]
RETRIED = ["403", "404", "reset_in_body", "cut_in_body", "wrong_checksum", "length_too_long", "empty_body"]
FOR_GOOD = ["gone", "truncated", "rubbish"]
TRIES = 5
DEADLINE_MS = 20_000
# So many messages are in the queue at a time, those that wait for their next try included.
MOST_WAITING = 400


class LogFile:
    """One object: its bytes, what happens to it, and what must come of it."""

    def __init__(self, rng: random.Random, number: int, fault: str) -> None:
        self.key, self.fault = f"AWSLogs/111122223333/{number}.json.gz", fault
        records, self.alerts = [], set()
        for at in range(rng.randint(1, 40)):
            event_id, name = f"{number}-{at}", rng.choice(["Good", "Watched", "Watched", "Watched", "Bad"])
            record = {"eventID": event_id, "eventName": name, "eventTime": "2026-03-14T09:05:00Z", "pad": "x" * 300}
            record["eventSource"] = "iam.amazonaws.com"
            records.append(record)
            if name == "Bad":
                self.alerts.add(match_id("bad", event_id, b""))
        self.records = len(records)
        self.body = gzip.compress(json.dumps({"Records": records}).encode(), 1, mtime=0)
        if fault == "truncated":
            self.body = self.body[:-4]
        elif fault == "rubbish":
            self.body, self.records, self.alerts = b'{"rubbish":1}', 0, set()

    def notification(self) -> Json:
        """What S3 says of it."""
        s3 = {"bucket": {"name": BUCKET}, "object": {"key": quote_plus(self.key)}}
        return {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3}]}


class Load:
    """The queues, the files, and what was said of them."""

    def __init__(self, options: argparse.Namespace, endpoint: str) -> None:
        self.options, self.rng = options, random.Random(options.seed)
        self.endpoint, self.s3, self.desk = endpoint, S3(), Desk()
        sqs = self.client()
        self.failures = sqs.create_queue(QueueName="failures")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self.failures, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": TRIES})
        attributes = {"VisibilityTimeout": str(options.visibility), "RedrivePolicy": redrive}
        self.queue = sqs.create_queue(QueueName="files", Attributes=attributes)["QueueUrl"]
        self.lock, self.over, self.sent = threading.Lock(), threading.Event(), threading.Event()
        self.files = {file.key: file for file in self._files()}
        self.counts: Counter[str] = Counter()
        self.done: dict[str, Json] = {}
        self.printed: set[str] = set()
        self.wrong: list[str] = []

    def client(self) -> Any:
        """SQS."""
        return boto3.client(
            "sqs",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def hit(self) -> bool:
        """Whether the next thing shall have a fault."""
        with self.lock:
            return self.rng.random() * 100 < self.options.faults

    def _files(self) -> list[LogFile]:
        files = []
        for number in range(self.options.notifications):
            kinds = self.rng.choice([PASSING, PASSING, RETRIED, RETRIED, FOR_GOOD])
            file = LogFile(self.rng, number, self.rng.choice(kinds) if self.hit() else "")
            files.append(file)
            answers = [file.fault] * self.rng.choice([1, 1, 2]) if file.fault in PASSING + RETRIED else []
            if file.fault != "gone":
                self.s3.put(file.key, file.body, answers)
        return files

    def send(self) -> None:
        """All notifications, some of them twice, as SQS and S3 may."""
        keys = [key for key in self.files for _ in range(2 if self.hit() else 1)]
        self.rng.shuffle(keys)
        self.counts["messages"] = len(keys)
        sqs = self.client()
        for at in range(0, len(keys), 10):
            bodies = [json.dumps(self.files[key].notification()) for key in keys[at : at + 10]]
            entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
            sqs.send_message_batch(QueueUrl=self.queue, Entries=entries)
            # moto looks at every message of a queue for every call.
            while at % 100 == 0 and self.left() > MOST_WAITING and not self.over.wait(0.1):
                pass
        self.sent.set()

    def environment(self, bootstrap: Path, folder: Path) -> None:
        """Polls the queue for one environment as Lambda does, until there is nothing left."""
        sqs, function, own = self.client(), None, folder / str(threading.get_ident())
        own.mkdir()
        (own / "opt").symlink_to(folder / "opt")
        at = f"http://{self.desk.address}"
        settings = {"IOTA_ALERTS_TO": ALERTS_TO["queue"], "AWS_ENDPOINT_URL_SQS": at}
        while not self.over.is_set():
            messages = sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
            if not messages:
                self.over.wait(0.3)
                continue
            if function is None:
                function = Function(bootstrap, own, self.s3.address, settings)
                self.count("environments")
            answer = self.invoke(function, messages)
            if answer is None:
                function.end()
                function = None
                continue
            failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
            self.count("failed messages", len(failed))
            entries = [
                {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                for n, message in enumerate(messages)
                if message["MessageId"] not in failed
            ]
            if entries:
                sqs.delete_message_batch(QueueUrl=self.queue, Entries=entries)
        if function is not None:
            function.end()

    def invoke(self, function: Function, messages: list[Json]) -> Json | None:
        """One invocation; no answer if the environment was killed, or died, meanwhile."""
        records = [
            {"eventSource": "aws:sqs", "messageId": one["MessageId"], "body": one["Body"], "attributes": {}}
            for one in messages
        ]
        self.count("invocations")
        killed = time.monotonic() + self.rng.random() ** 2 * 0.2 if self.hit() else None
        function.invoke(json.dumps({"Records": records}).encode(), int(time.time() * 1000) + DEADLINE_MS)
        until = time.monotonic() + DEADLINE_MS / 1000 + 5
        while (answer := function.wait(0.05)) is None:
            if killed is not None and time.monotonic() >= killed:
                function.process.kill()
                self.count("environments killed")
                return None
            if not function.alive() or time.monotonic() > until:
                self.wrong.append(f"no answer to {len(records)} messages; alive: {function.alive()}")
                return None
        failed, body = answer
        self.hear(function.lines)
        if failed:
            self.wrong.append(f"a batch failed as a whole: {body}")
            return None
        result: Json = body
        return result

    def hear(self, lines: list[Json]) -> None:
        """What one invocation printed."""
        with self.lock:
            for line in lines:
                if line["kind"] == "alert":
                    self.printed.add(line["match_id"])
                elif line["kind"] == "object":
                    self.counts[f"objects {line['status']}"] += 1
                    if line["status"] == "done":
                        self.done[line["key"]] = line

    def count(self, what: str, more: int = 1) -> None:
        """So many more of it."""
        with self.lock:
            self.counts[what] += more

    def left(self) -> int:
        """Messages that are not deleted and not given up."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.client().get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def given_up(self) -> set[str]:
        """The keys in the failure queue."""
        sqs, keys = self.client(), set()
        while messages := sqs.receive_message(QueueUrl=self.failures, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=self.failures, ReceiptHandle=message["ReceiptHandle"])
                keys.add(json.loads(message["Body"])["Records"][0]["s3"]["object"]["key"])
        by_name = {quote_plus(key): key for key in self.files}
        return {by_name[key] for key in keys}


def main() -> int:
    """1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notifications", type=int, default=5000, help="log files (%(default)s)")
    parser.add_argument("--faults", type=float, default=5, help="percent, of each kind of thing (%(default)s)")
    parser.add_argument("--environments", type=int, default=6, help="at the same time (%(default)s)")
    parser.add_argument("--visibility", type=int, default=8, help="seconds until a message comes again (%(default)s)")
    parser.add_argument("--seed", default="1", help="of what is drawn (%(default)s)")
    parser.add_argument("--minutes", type=float, default=10, help="until it is given up (%(default)s)")
    options = parser.parse_args()
    bootstrap, iota = binaries()
    context = multiprocessing.get_context("spawn")
    addresses: Any = context.Queue()
    # A process of its own, so that it has its own core.
    sqs = context.Process(target=serve, args=(addresses,), daemon=True)
    sqs.start()
    try:
        with tempfile.TemporaryDirectory(prefix="iota-load-") as folder:
            compile_rules(iota, Path(folder))
            return run(Load(options, addresses.get(timeout=60)), bootstrap, Path(folder))
    finally:
        sqs.terminate()
        sqs.join()


def serve(addresses: Any) -> None:
    """moto, until it is ended. One call at a time: its queues know no locks."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=False)
    addresses.put(f"http://127.0.0.1:{server.port}")
    server.serve_forever()


def run(load: Load, bootstrap: Path, folder: Path) -> int:
    """Sends, waits, and looks at what came of it."""
    load.desk.expect([load.rng.choice(DESK) if load.hit() else "" for _ in range(100_000)])
    started = time.monotonic()
    threads = [threading.Thread(target=load.send)]
    for _ in range(load.options.environments):
        threads.append(threading.Thread(target=load.environment, args=(bootstrap, folder)))
    for thread in threads:
        thread.start()
    while (
        (load.left() or not load.sent.is_set())
        and not load.wrong
        and time.monotonic() - started < load.options.minutes * 60
    ):
        time.sleep(1)
    load.over.set()
    for thread in threads:
        thread.join()
    wrong = load.wrong + check(load)
    took = time.monotonic() - started
    counts = ", ".join(f"{name} {count}" for name, count in sorted(load.counts.items()))
    print(f"{counts}; {took:.0f} s")
    for word in wrong[:20]:
        print(f"WRONG: {word}", file=sys.stderr)
    print(f"{len(wrong)} things went wrong")
    return 1 if wrong else 0


def check(load: Load) -> list[str]:
    """Every way in which something could have been lost."""
    wrong = [f"{left} messages are left"] if (left := load.left()) else []
    wrong += [] if load.sent.is_set() else ["there was no time to send all"]
    given_up, (taken, misdeeds) = load.given_up(), load.desk.take()
    expected = {match for file in load.files.values() for match in file.alerts}
    for key, file in load.files.items():
        line = load.done.get(key)
        if line is None and key not in given_up:
            wrong.append(f"`{key}` ({file.fault}) is neither done nor in the failure queue")
        if line is None:
            if file.fault not in FOR_GOOD:
                load.counts["given up although a retry might help"] += 1
            continue
        parts = sum(line[name] for name in ("evaluated", "repeat", "malformed", "oversize"))
        if file.fault in FOR_GOOD or (line["records"], parts) != (file.records, file.records):
            wrong.append(f"`{key}` ({file.fault}) has {file.records} records and is done with {line}")
        if missing := file.alerts - taken.acknowledged.keys():
            wrong.append(f"`{key}` is done, and {len(missing)} of its alerts are not acknowledged")
    if strange := {alert["match_id"] for alert in taken.alerts} - expected:
        wrong.append(f"{len(strange)} alerts came under ids that nobody expects")
    load.counts["log files done"] = len(load.done)
    load.counts["log files in the failure queue"] = len(given_up - load.done.keys())
    load.counts["records in files that are done"] = sum(line["records"] for line in load.done.values())
    load.counts["alerts acknowledged"] = len(taken.acknowledged)
    load.counts["faulty log files"] = sum(bool(file.fault) for file in load.files.values())
    load.counts["faults of the destination"] = sum(map(bool, misdeeds))
    return wrong


if __name__ == "__main__":
    sys.exit(main())
