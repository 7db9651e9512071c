#!/usr/bin/env python3
"""Damaged payloads against the real function; see docs/delivery.md, "Faults".

Every sample of `events/envelopes/` is damaged at random, one to three times. The function must neither end nor hang; it
must name what is wrong, or do work, or the payload must be one of the documented ones that ask for none. After each
damaged payload, a good one must still work.

python tests/faults/payloads.py --count 20000 --seed 1
"""

import argparse
import base64
import copy
import gzip
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from plan import BUCKET
from world import ROOT, Json, World, binaries, compile_rules

ANSWER_S = 20.0
GOOD_EVERY = 50
TREES: list[Any] = [None, True, 0, -1, 1e300, 10**30, "", "x", [], {}, [None], [[]], {"a": 1}, [{}], "{}", "[]", "null"]
TEXTS = ["", " ", "\u0000", "\ud800", "é" * 50, "\u202e", "%", "%ff", "../..", "a" * 100_000, "{", '{"Records":[]}']


def main() -> int:
    """Sends so many damaged payloads; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", default="1")
    options = parser.parse_args()
    started = time.monotonic()
    bootstrap, iota = binaries()
    with tempfile.TemporaryDirectory(prefix="iota-payloads-") as folder:
        compile_rules(iota, Path(folder))
        world = World(bootstrap, Path(folder))
        try:
            outcomes = send_all(world, options.count, options.seed)
        except AssertionError as error:
            print(f"FAILED {error}", file=sys.stderr)
            return 1
        finally:
            world.end()
    shown = ", ".join(f"{word} {count}" for word, count in outcomes.most_common())
    print(f"{options.count} damaged payloads in {time.monotonic() - started:.1f} s: {shown}")
    return 0


def send_all(world: World, count: int, seed: str) -> Counter[str]:
    """What came of each, by word."""
    samples = {path.stem: json.loads(path.read_bytes()) for path in (ROOT / "events" / "envelopes").glob("*.json")}
    names, outcomes = sorted(samples), Counter[str]()
    function = world.function()
    for at in range(count):
        rng = random.Random(f"{seed}/{at}")
        name = names[at % len(names)]
        sent = damaged(rng, copy.deepcopy(samples[name]))
        story = f"payload {seed}/{at}, from `{name}`: {sent[:1500]!r}"
        answer, lines = ask(world, sent, story)
        outcomes[judge(sent, answer, lines, story)] += 1
        if at % GOOD_EVERY == 0 or at == count - 1:
            check_good(world, story)
    assert function is world.function(), "the function was started again"
    return outcomes


def ask(world: World, sent: bytes, story: str) -> tuple[tuple[bool, Any], list[Json]]:
    """The answer to a payload and the lines it made."""
    function, patience = world.function(), time.monotonic() + ANSWER_S
    function.invoke(sent, int((time.time() + ANSWER_S) * 1000))
    while time.monotonic() < patience:
        answer = function.wait(0.5)
        if answer is not None:
            return answer, function.lines
        said = function.stderr.read_text(errors="replace")[-1000:]
        assert function.alive(), f"the function ended: {said}\n{story}"
    raise AssertionError(f"no answer within {ANSWER_S:.0f} s\n{story}")


def check_good(world: World, after: str) -> None:
    """A payload that nothing is wrong with works."""
    key, record = "good.json", {"eventName": "Bad", "eventID": "good", "eventTime": "2026-03-14T09:05:00Z"}
    world.s3.put(key, json.dumps({"Records": [record]}).encode(), [])
    (failed, body), lines = ask(world, json.dumps(notification(key)).encode(), after)
    assert not failed and body == {}, f"a good payload fails: {body}\nafter {after}"
    assert [line["event_id"] for line in lines if line["kind"] == "alert"] == ["good"], f"no alert after {after}"


def notification(key: str) -> Json:
    """S3 tells of one object."""
    s3 = {"bucket": {"name": BUCKET}, "object": {"key": key}}
    return {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3}]}


# The verdict.


def judge(sent: bytes, answer: tuple[bool, Any], lines: list[Json], story: str) -> str:
    """The word for what came of a payload. Silence about one that is not known is an error."""
    failed, body = answer
    objects = [line for line in lines if line["kind"] == "object"]
    story = f"{story}\nthe answer: {json.dumps(body)[:1000]}"
    if failed:
        assert body["errorMessage"] and body["errorType"], f"an error without words\n{story}"
        return str(body["errorType"])
    assert all(line["status"] == "done" for line in objects) or body, f"a failed object, and success\n{story}"
    if isinstance(body, dict) and "batchItemFailures" in body:
        messages = json.loads(sent)["Records"]
        silent = len(messages) - len(body["batchItemFailures"])
        # Each message that did not fail asked for objects, or for nothing that we know of.
        quiet = sum(asks_nothing(body_of(message)) for message in messages)
        working = sum(line["status"] == "done" for line in objects)
        assert silent <= quiet + working, f"{silent} messages succeed, {quiet} ask for nothing\n{story}"
        return "batch"
    if isinstance(body, dict) and "results" in body:
        results = [result["resultCode"] for result in body["results"]]
        tasks = json.loads(sent)["tasks"]
        assert len(results) == len(tasks), f"{len(tasks)} tasks, results {results}\n{story}"
        done = sum(line["status"] == "done" for line in objects)
        assert results.count("Succeeded") == done, f"{results}, and {done} objects are done\n{story}"
        return "results"
    assert body == {}, f"an answer of its own\n{story}"
    if objects:
        asked = asked_for(json.loads(sent))
        assert asked in (None, len(objects)), f"{asked} objects asked for, {len(objects)} handled\n{story}"
        return "done"
    assert asks_nothing(json.loads(sent)), f"silent success\n{story}"
    return "no work"


def asked_for(payload: Any) -> int | None:
    """How many objects a payload names, where that is plain to see."""
    records = payload.get("Records")
    if records and isinstance(records[0], dict) and records[0].get("eventSource") == "aws:s3":
        return sum(not no_creation(record.get("eventName")) for record in records)
    keys = payload.get("s3ObjectKey")
    return len(keys) if isinstance(keys, list) else None


def body_of(message: Any) -> Any:
    """The payload in an SQS message, as far as there is one."""
    try:
        return json.loads(message["body"])
    except (TypeError, KeyError, ValueError):
        return None


def asks_nothing(payload: Any, depth: int = 0) -> bool:
    """True for the documented payloads without work: test events, what S3 tells that is no creation, control messages.

    Written down a second time, from docs/delivery.md.
    """
    if not isinstance(payload, dict) or depth > 6:
        return False
    records = payload.get("Records")
    if isinstance(records, list) and records and isinstance(records[0], dict):
        if records[0].get("eventSource") == "aws:s3":
            return all(isinstance(one, dict) and no_creation(one.get("eventName")) for one in records)
        if records[0].get("EventSource") == "aws:sns":
            inner = [message_of(one.get("Sns")) for one in records if isinstance(one, dict)]
            return len(inner) == len(records) and all(asks_nothing(message, depth + 1) for message in inner)
    if payload.get("Event") == "s3:TestEvent":
        return True
    if payload.get("Type") == "Notification" and "Message" in payload:
        return asks_nothing(message_of(payload), depth + 1)
    if isinstance(payload.get("awslogs"), dict):
        unpacked = embedded(payload["awslogs"].get("data"))
        return unpacked is not None and unpacked[0].get("messageType") == "CONTROL_MESSAGE"
    if "requestPayload" in payload:
        return asks_nothing(payload["requestPayload"], depth + 1)
    return False


def message_of(outer: Any) -> Any:
    """What an SNS message carries."""
    try:
        return json.loads(outer["Message"])
    except (TypeError, KeyError, ValueError):
        return None


def no_creation(name: Any) -> bool:
    """True for an event of S3's that makes no object."""
    return isinstance(name, str) and name != "" and not name.removeprefix("s3:").startswith("ObjectCreated:")


# The damage.


def damaged(rng: random.Random, payload: Any) -> bytes:
    """A sample after one to three accidents, as the bytes that are sent."""
    for _ in range(rng.choice([1, 1, 2, 3])):
        payload = accident(rng, payload)
    text = json.dumps(payload, ensure_ascii=rng.random() < 0.8)
    sent = text.encode(errors="surrogatepass")
    drawn = rng.random()
    if drawn < 0.02:
        return sent[: rng.randrange(len(sent))]
    if drawn < 0.04:
        at = rng.randrange(len(sent))
        return sent[:at] + bytes([rng.randrange(256)]) + sent[at + 1 :]
    return sent


def accident(rng: random.Random, payload: Any) -> Any:
    """One thing that is wrong, anywhere in the payload, also in what travels as text inside it."""
    drawn = rng.random()
    if drawn < 0.06:
        return wrapped(rng, payload)
    if drawn < 0.08:
        for _ in range(rng.choice([3, 30, 125, 130, 3000])):
            payload = [payload] if rng.random() < 0.5 else {"a": payload}
            if rng.random() < 0.001:
                break
        return payload if depth_of(payload) < 900 else {"deep": "[" * 5000}
    places = list(walk(payload))
    if not places:
        return rng.choice(TREES)
    holder, key = rng.choice(places)
    value = holder[key]
    inner = embedded(value)
    if inner is not None and rng.random() < 0.8:
        holder[key] = inner[1](accident(rng, inner[0]))
        return payload
    match rng.randrange(7):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[rng.choice([str(key).lower(), str(key).upper(), f"{key}s", "", "Records"])] = holder.pop(key)
        case 2:
            holder[key] = copy.deepcopy(rng.choice(TREES))
        case 3 if isinstance(value, str):
            holder[key] = value[: rng.randrange(len(value) + 1)]
        case 4:
            holder[key] = rng.choice(TEXTS)
        case 5 if isinstance(value, list):
            holder[key] = value * rng.choice([0, 2, 50])
        case _:
            holder[key] = [value] if rng.random() < 0.5 else {"x": value}
    return payload


def walk(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a tree, as its holder and its key."""
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree))) if isinstance(tree, list) else []
    for key in keys:
        yield tree, key
        yield from walk(tree[key])


def embedded(value: Any) -> tuple[Any, Any] | None:
    """What travels as text in a string, and how to put it back."""
    if not isinstance(value, str) or len(value) < 2:
        return None
    if value.startswith("{"):
        try:
            return json.loads(value), json.dumps
        except ValueError:
            return None
    if value.startswith("H4sI"):
        try:
            return json.loads(gzip.decompress(base64.b64decode(value))), packed
        except (ValueError, OSError, EOFError):
            return None
    return None


def packed(tree: Any) -> str:
    """As CloudWatch Logs sends it."""
    return base64.b64encode(gzip.compress(json.dumps(tree).encode(), 1)).decode()


def wrapped(rng: random.Random, payload: Any) -> Any:
    """In one of the envelopes."""
    text = json.dumps(payload)
    return rng.choice(
        [
            {"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": text}]},
            {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text}}]},
            {"Type": "Notification", "Message": text},
            {"requestContext": {"condition": "RetriesExhausted"}, "requestPayload": payload},
            {"Records": [payload]},
        ]
    )


def depth_of(tree: Any) -> int:
    """How deep a tree is, without recursion."""
    deepest, left = 0, [(tree, 1)]
    while left:
        node, depth = left.pop()
        deepest = max(deepest, depth)
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        left += [(child, depth + 1) for child in children]
    return deepest


if __name__ == "__main__":
    sys.exit(main())
