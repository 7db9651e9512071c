#!/usr/bin/env python3
"""Proves that the fault runs see what they are there to see: breaks the function on purpose, and expects them to fail.

All breaks go into one copy of the sources, each behind its name in the environment, so that one build serves them all.
Neither the copy nor its build is ever used for anything else.

python tests/faults/mutants.py               # builds once, then seconds for each
python tests/faults/mutants.py --only lost_pair
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from world import ROOT

HERE = Path(__file__).resolve().parent


class Patch(NamedTuple):
    """Text that must stand in a file exactly once, and what stands there instead."""

    file: str
    old: str
    new: str


SWITCH = """
/// True if the function is to be broken in this way.
pub(crate) fn mutant(name: &str) -> bool {
    std::env::var("MUTANT").is_ok_and(|chosen| chosen == name)
}
"""

# What each break would mean for somebody who relies on the function.
MUTANTS = {
    "drop_batch": "a batch is let go; only the balance can tell",
    "drop_batch_unseen": "a batch is let go, and nobody checks the balance",
    "drop_full_batch": "only batches before the last are let go, and counted as judged",
    "skip_record": "every seventh record is not even counted",
    "count_unjudged": "every seventh record is counted as judged, and is not",
    "forget_malformed": "elements that are no records are not counted",
    "skip_item_unseen": "the record after a worker's death is let go, and nobody checks the balance",
    "lost_pair": "what a pair says when it is run again alone is let go",
    "no_second_try": "a pair that a worker died on is not run again",
    "failed_is_done": "an object that failed counts as done",
    "whole_is_well": "an invocation never fails",
    "forget_sqs": "the first failed message of a batch is not named",
    "task_is_well": "a task of S3 Batch Operations never fails",
    "unknown_is_well": "a message that nobody understands is a success",
    "nameless_is_none": "a record of S3's without an event name asks for nothing",
    "swallow_output": "a line that can't be written is no error",
    "unheard_is_well": "the end of the output is no error of the invocation",
    "never_flushed": "lines wait in a buffer when the answer is given",
    "done_before_lines": "an object is said to be done before its alerts are out",
    "failed_hides": "records of a failed object hide those of others",
    "in_progress_hides": "records of objects in progress hide those of others",
    "unstable_id": "another process gives another id",
    "body_error_is_end": "a body that breaks off, or has the wrong checksum, ends there",
    "no_deadline": "the deadline is not looked at",
    "shallow_lines": "JSON lines may nest as deep as they like",
    "unacknowledged_is_done": "nobody minds that alerts were not acknowledged",
    "silence_is_consent": "an alert that the answer does not mention counts as acknowledged",
    "sent_is_enough": "an object is said to be done while its alerts are on their way",
    "never_again": "what was refused for the moment is not sent again, and nobody minds",
}


def on(*names: str) -> str:
    """The condition under which these breaks work."""
    return " || ".join(f'crate::mutant("{name}")' for name in names)


PIPELINE, LAMBDA, INVOKE, POOL = "src/pipeline.rs", "src/lambda.rs", "src/invoke.rs", "src/engine/pool.rs"
PATCHES = [
    Patch(
        PIPELINE,
        "        let asked = std::mem::take(&mut self.asked);\n",
        "        let asked = std::mem::take(&mut self.asked);\n"
        f"        if {on('drop_batch', 'drop_batch_unseen')} {{ return Ok(()); }}\n"
        f"        if ({on('drop_full_batch')}) && asked.len() == BATCH_RECORDS {{\n"
        "            self.counts.evaluated += asked.len() as u64;\n            return Ok(());\n        }\n",
    ),
    Patch(
        PIPELINE,
        "if self.counts.balanced() {",
        f"if self.counts.balanced() || {on('drop_batch_unseen', 'skip_item_unseen')} {{",
    ),
    Patch(
        PIPELINE,
        "        let index = self.counts.records + self.passed;\n        self.counts.records += 1;\n",
        "        let index = self.counts.records + self.passed;\n        self.counts.records += 1;\n"
        f"        if ({on('skip_record')}) && index % 7 == 6 && bytes.len() % 2 == 0 {{\n"
        "            self.counts.records -= 1;\n            return Ok(());\n        }\n"
        f"        if ({on('count_unjudged')}) && index % 7 == 6 {{\n"
        "            self.counts.evaluated += 1;\n            return Ok(());\n        }\n",
    ),
    Patch(
        PIPELINE,
        "                Piece::Malformed(why) => {\n",
        f"                Piece::Malformed(_) if {on('forget_malformed')} => {{}}\n"
        "                Piece::Malformed(why) => {\n",
    ),
    Patch(
        PIPELINE,
        "        if let Err(fault) = handling.settle(matches!(status, Status::Done)) {\n",
        f"        let late = {on('done_before_lines')};\n"
        "        if !late && let Err(fault) = handling.settle(matches!(status, Status::Done)) {\n",
    ),
    Patch(
        PIPELINE,
        "        let Handling { counts, bytes, bytes_json, unfit, .. } = handling;\n",
        "        let (counts, bytes, bytes_json) = (handling.counts, handling.bytes, handling.bytes_json);\n"
        "        let unfit = handling.unfit.take();\n",
    ),
    Patch(
        PIPELINE,
        "        run.totals().add(&report);\n",
        "        if late && let Err(fault) = handling.settle(matches!(report.status, Status::Done)) {\n"
        "            report.status = Status::Failed(fault);\n        }\n        run.totals().add(&report);\n",
    ),
    Patch(
        PIPELINE, "repeats.settle(seen, done, matches,", f"repeats.settle(seen, done || {on('failed_hides')}, matches,"
    ),
    Patch(
        "src/repeats.rs",
        "        drop(done);\n        seen.records.push(fingerprint);\n",
        "        drop(done);\n"
        f"        if {on('in_progress_hides')} {{\n"
        "            let known = fingerprint;\n            let mut done = lock(&self.done);\n"
        "            done.remember(known.hour, |hour| hour.records.insert(known.id, known.bytes).is_none());\n"
        "        }\n        seen.records.push(fingerprint);\n",
    ),
    Patch(
        POOL,
        "            if job.blame(&death)? == Blame::Proven {\n",
        f"            if job.blame(&death)? == Blame::Proven {{\n                if {on('skip_item_unseen')} {{\n"
        "                    job.pending.pop_front();\n                }\n",
    ),
    Patch(
        POOL,
        "            pending.parts.extend(verdicts);\n",
        f"            if !({on('lost_pair')}) {{\n                pending.parts.extend(verdicts);\n            }}\n",
    ),
    Patch(POOL, "let verdict = if hung {", f"let verdict = if hung || {on('no_second_try')} {{"),
    Patch(
        LAMBDA,
        "            Status::Failed(fault) => Err(Failure {\n",
        f"            Status::Failed(_) if {on('failed_is_done')} => Ok(()),\n"
        "            Status::Failed(fault) => Err(Failure {\n",
    ),
    Patch(
        LAMBDA,
        "        written.map_err(|fault|",
        f"        let written = if {on('unheard_is_well')} {{ Ok(()) }} else {{ written }};\n"
        "        written.map_err(|fault|",
    ),
    Patch(
        LAMBDA,
        "                Err(why) => {\n",
        f"                Err(_) if {on('unknown_is_well')} => {{}}\n                Err(why) => {{\n",
    ),
    Patch(
        LAMBDA,
        "    let sink = Sink::new(Box::new(std::io::stdout()), &kinds, &pack.digest);\n",
        f"    let out: Box<dyn std::io::Write + Send> = if {on('never_flushed')} {{\n"
        "        Box::new(std::io::BufWriter::with_capacity(1 << 20, std::io::stdout()))\n"
        "    } else {\n        Box::new(std::io::stdout())\n    };\n"
        "    let sink = Sink::new(out, &kinds, &pack.digest);\n",
    ),
    Patch(
        LAMBDA,
        "            Ok(left) => Some(",
        f"            Ok(_) if {on('no_deadline')} => None,\n            Ok(left) => Some(",
    ),
    Patch(
        "src/sink.rs",
        "        self.out.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line).map_err(failed)?;\n",
        "        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);\n"
        "        let written = out.write_all(&line).map_err(failed);\n        drop(out);\n"
        f"        if !({on('swallow_output')}) {{ written?; }}\n",
    ),
    Patch(
        "src/sink.rs",
        "        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);\n        out.flush()",
        f"        if {on('never_flushed')} {{ return Ok(()); }}\n"
        "        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);\n        out.flush()",
    ),
    Patch(
        INVOKE,
        "                for outcome in outcomes.iter().filter(|outcome| !outcome.failures.is_empty()) {\n",
        f"                let forgotten = usize::from({on('forget_sqs')});\n"
        "                let failed = outcomes.iter().filter(|outcome| !outcome.failures.is_empty());\n"
        "                for outcome in failed.skip(forgotten) {\n",
    ),
    Patch(
        INVOKE,
        "                    0 => Ok(json!({})),\n",
        f"                    _ if {on('whole_is_well')} => Ok(json!({{}})),\n"
        "                    0 => Ok(json!({})),\n",
    ),
    Patch(
        INVOKE,
        "    let code = if outcome.failures.is_empty() {",
        f"    let code = if outcome.failures.is_empty() || {on('task_is_well')} {{",
    ),
    Patch(
        INVOKE,
        '    let name = text(record, "/eventName")?;\n',
        f'    let name = text(record, "/eventName");\n'
        f"    let name = if {on('nameless_is_none')} {{ name.unwrap_or_default() }} else {{ name? }};\n",
    ),
    Patch(
        "src/alert.rs",
        "    hash.update(rule_id);\n",
        f"    hash.update(rule_id);\n    if {on('unstable_id')} {{\n"
        "        hash.update(std::process::id().to_le_bytes());\n    }\n",
    ),
    Patch(
        "src/source/s3.rs",
        "            Ok(None) => return,\n",
        f"            Ok(None) => return,\n            Err(_) if {on('body_error_is_end')} => return,\n",
    ),
    Patch(
        PIPELINE,
        "        delivered\n",
        f"        if {on('unacknowledged_is_done')} {{ Ok(()) }} else {{ delivered }}\n",
    ),
    Patch(
        "src/alerts_to/sqs.rs",
        "        for failed in answer.failed() {\n",
        f"        if {on('silence_is_consent')} {{ receipts.fill_with(|| Receipt::Acknowledged); }}\n"
        "        for failed in answer.failed() {\n",
    ),
    Patch(
        PIPELINE,
        "                self.deliver()?;\n                repeats.settle(",
        f"                if {on('sent_is_enough')} {{\n"
        "                    let letters = std::mem::take(&mut self.letters);\n"
        "                    let (alerts_to, run) = (self.pipeline.alerts_to.as_ref(), self.run);\n"
        "                    let _ = self.pipeline.sink.flush();\n"
        "                    let _ = (run, alerts_to.map(|to| to.deliver(&letters, Some(Instant::now()))));\n"
        "                }\n                self.deliver()?;\n                repeats.settle(",
    ),
    Patch(
        "src/alerts_to/mod.rs",
        "                    Receipt::Later(cause) => {\n",
        f"                    Receipt::Later(_) if {on('never_again')} => {{}}\n"
        "                    Receipt::Later(cause) => {\n",
    ),
    Patch(
        "src/records.rs",
        "deepest: kind.deepest, ..found }",
        f"deepest: if {on('shallow_lines')} {{ 0 }} else {{ kind.deepest }}, ..found }}",
    ),
]


def main() -> int:
    """1 if a break goes unnoticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME", choices=MUTANTS, help="this one")
    parser.add_argument("--binaries", type=Path, help="a folder with a build of the broken sources, made if empty")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="iota-mutants-") as temporary:
        binaries = options.binaries or Path(temporary) / "bin"
        binaries.mkdir(parents=True, exist_ok=True)
        if not (binaries / "bootstrap").is_file():
            build(Path(temporary), binaries)
        if verdict := broken(binaries, ""):
            print(f"the copy fails without any break: {verdict}", file=sys.stderr)
            return 1
        unnoticed = []
        for name in [options.only] if options.only else MUTANTS:
            started = time.monotonic()
            verdict = broken(binaries, name)
            unnoticed += [] if verdict else [name]
            print(
                f"{name:20} {time.monotonic() - started:5.1f} s  {verdict or 'NOT NOTICED: ' + MUTANTS[name]}",
                flush=True,
            )
    print(f"{len(unnoticed)} of {1 if options.only else len(MUTANTS)} breaks went unnoticed")
    return 1 if unnoticed else 0


def build(folder: Path, binaries: Path) -> None:
    """The broken function, in a copy of the tree with a copy of what is compiled already."""
    copy, target = folder / "tree", folder / "target"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns("target", ".git", ".venv", ".aws-sam", "__pycache__"))
    for patch in PATCHES:
        path = copy / patch.file
        text = path.read_text()
        if text.count(patch.old) != 1:
            raise SystemExit(f"`{patch.file}` holds this {text.count(patch.old)} times, expected once:\n{patch.old}")
        path.write_text(text.replace(patch.old, patch.new))
    library = copy / "src" / "lib.rs"
    library.write_text(library.read_text() + SWITCH)
    compiled = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    # Else the AWS SDK would be compiled again.
    shutil.copytree(compiled, target / "release", ignore=shutil.ignore_patterns("incremental", "examples"))
    print("building the broken function", flush=True)
    command = ["cargo", "build", "--release", "--locked", "--bin", "bootstrap"]
    subprocess.run(command, cwd=copy, env=os.environ | {"CARGO_TARGET_DIR": str(target)}, check=True)
    shutil.copy2(target / "release" / "bootstrap", binaries)
    shutil.copy2(compiled / "iota", binaries)


def broken(binaries: Path, name: str) -> str:
    """How the runs noticed a break; nothing if they did not."""
    environment = os.environ | {"IOTA_BINARIES": str(binaries), "MUTANT": name}
    for script, *options in (["run.py", "--each", "--runs", "150"], ["payloads.py", "--count", "1000"]):
        command = [sys.executable, str(HERE / script), *options]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode != 0:
            return f"{script}: {reason(done.stderr)}"
    return ""


def reason(told: str) -> str:
    """The line of a failure that says what was broken."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    plan = [at for at, line in enumerate(lines) if line.startswith(("unit ", "FAILED"))]
    telling = lines[plan[-1] + 1 :] if plan and lines[0].startswith("FAILED seed") else lines
    return (telling or ["no words"])[0][:110]


if __name__ == "__main__":
    sys.exit(main())
