"""What `sam build` made, laid out as Lambda lays it out, and invoked with real deadlines.

`/var/task` holds the function, `/opt` both layers one over the other; everything but `/tmp` is read-only, there is no
`/dev/shm`, the user is nobody in particular, memory is 256 MB. The Python runtime is never started: `bootstrap` gets
the interpreter's path as its first argument, as Lambda starts a wrapper.

Needs root for the mounts. A build elsewhere than in `.aws-sam/build` is named by `SAM_BUILD_DIR`.
"""

import gzip
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from stubs import FUNCTION_ARN, FileStore, Outcome, RuntimeApi
from support import (
    BUCKET,
    EVENTS,
    ROOT,
    Json,
    binary,
    expected_alerts,
    found_alerts,
    log_keys,
    notification,
    read_lines,
)

BUILD = Path(os.environ.get("SAM_BUILD_DIR", ROOT / ".aws-sam" / "build"))
MEMORY_MB = 256
# Amazon Linux 2023, which all of Lambda's runtimes from python3.12 on stand on.
NEWEST_GLIBC = (2, 34)

# Run under `unshare --mount`: everything it mounts ends with the process. Arguments: the new root, the function's
# folder, the layers' folder, the file that takes our process id into the memory limit, the interpreter, and from
# there on the host's folders that the new root shows.
ENTER = r"""
set -eu
root=$1 task=$2 opt=$3 limit=$4 python=$5
shift 5
# Lambda's path is for the function; the tools used here lie in other folders too.
lambda_path=$PATH
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir -p var/task opt tmp proc dev etc var/lang/bin
for path in "$@" /etc/ssl /etc/pki; do
    if [ -d "$path" ]; then mkdir -p ".$path" && mount --bind -o ro "$path" ".$path"; fi
done
for name in bin sbin lib lib64; do
    if [ -L "/$name" ]; then ln -s "$(readlink "/$name")" "$name"
    elif [ -d "/$name" ]; then mkdir -p "$name" && mount --bind -o ro "/$name" "$name"; fi
done
cp /etc/ld.so.cache etc/ 2>/dev/null || true
echo 'sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin' > etc/passwd
for name in null zero urandom random; do touch "dev/$name" && mount --bind "/dev/$name" "dev/$name"; done
mount -t proc proc proc
mount -t tmpfs -o mode=1777,size=512m tmpfs tmp
mount --bind -o ro "$task" var/task
mount --bind -o ro "$opt" opt
ln -s "$python" var/lang/bin/python3.13
mount -o remount,ro tmpfs .
if [ -n "$limit" ]; then echo $$ > "$limit"; fi
exec chroot --userspec=993:990 --groups= . /usr/bin/env --chdir=/var/task "PATH=$lambda_path" \
    /var/task/bootstrap /var/lang/bin/python3.13 /var/runtime/bootstrap.py
"""


class Sandbox:
    """A running function, and what it printed since it was last asked."""

    def __init__(self, api: RuntimeApi, process: subprocess.Popen[bytes], output: Path) -> None:
        self._api, self.process, self._output, self._read = api, process, output, 0

    def invoke(self, payload: Json, seconds: float = 30) -> tuple[Outcome, list[Json]]:
        """The outcome and the lines of one invocation."""
        try:
            outcome = self._api.invoke(payload, seconds, lambda: self.process.poll() is None)
        except AssertionError as error:
            code, printed = self.process.poll(), self._output.read_text(encoding="utf-8")[-2000:]
            raise AssertionError(f"{error}; exit code {code}; it printed `{printed}`") from None
        with self._output.open(encoding="utf-8") as output:
            output.seek(self._read)
            text = output.read()
            self._read = output.tell()
        return outcome, read_lines(text)


@pytest.fixture(scope="module")
def build() -> Path:
    """The folder with the three artefacts."""
    for name in ("Detect/bootstrap", "EngineLayer/python", "RulesLayer/iota"):
        if not (BUILD / name).exists():
            pytest.skip(f"`{BUILD / name}` is missing: run `sam build`")
    return BUILD


@pytest.fixture(scope="module")
def sandbox(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The function in its place, started."""
    folder = tmp_path_factory.mktemp("lambda")
    for layer in ("EngineLayer", "RulesLayer"):
        shutil.copytree(build / layer, folder / "opt", dirs_exist_ok=True)
    with FileStore(BUCKET, EVENTS / "bucket") as store, mounted(build, folder, store, {}) as function:
        yield function


@contextmanager
def mounted(build: Path, folder: Path, store: FileStore, more: dict[str, str]) -> Iterator[Sandbox]:
    """The function and what lies in `folder/opt`, as Lambda mounts them, with `more` in its environment."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("a mount namespace is refused here")
    root, opt, output = folder / "root", folder / "opt", folder / "stdout"
    root.mkdir()
    python = Path(sys.executable).resolve()
    shown = [sys.base_prefix] if Path(sys.base_prefix) == Path("/usr") else ["/usr", sys.base_prefix]
    with (
        RuntimeApi() as api,
        memory_limit(MEMORY_MB) as limit,
        output.open("w") as stdout,
    ):
        command: list[str | Path] = [tool("unshare"), "--mount", "--propagation", "private"]
        if limit is None:
            # Without a memory cgroup: private writable memory of each process. RLIMIT_AS would count what Rust and
            # Python only reserve.
            command += [tool("prlimit"), f"--data={MEMORY_MB << 20}"]
        command += ["/bin/sh", "-c", ENTER, "enter", root, build / "Detect", opt, limit or "", python, *shown]
        process = subprocess.Popen(command, env=environment(api, store) | more, stdout=stdout, stdin=subprocess.DEVNULL)
        try:
            yield Sandbox(api, process, output)
        finally:
            process.kill()
            process.wait()


def tool(name: str) -> str:
    """Where a program of this machine lies: the function's own environment doesn't say."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"`{name}` is missing: install util-linux")
    return found


def environment(api: RuntimeApi, store: FileStore) -> dict[str, str]:
    """What Lambda sets before it starts a wrapper on python3.13, and where S3 is."""
    return {
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/task:/var/task/lib:/opt/lib",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_LAMBDA_EXEC_WRAPPER": "/var/task/bootstrap",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_LAMBDA_FUNCTION_NAME": FUNCTION_ARN.rsplit(":", 1)[1],
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/iota-detect",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/03/14/[$LATEST]0123456789abcdef",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "_HANDLER": "bootstrap",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "test",
        "AWS_ENDPOINT_URL_S3": f"http://{store.address}",
    }


@contextmanager
def memory_limit(megabytes: int) -> Iterator[Path | None]:
    """A memory cgroup, as the file to write process ids into; None where there can be none."""
    group = new_group(megabytes)
    try:
        yield group and group / "cgroup.procs"
    finally:
        for _ in range(100 if group else 0):
            try:
                group.rmdir()  # type: ignore[union-attr]
                break
            except OSError:
                # The last process has not been reaped yet.
                time.sleep(0.05)


def new_group(megabytes: int) -> Path | None:
    """Make the group: under our own with version 1; at the top with version 2, where only leaves hold processes."""
    name = f"iota-e2e-{os.getpid()}"
    own = dict(line.split(":", 2)[1:] for line in Path("/proc/self/cgroup").read_text().splitlines())
    candidates = [
        (Path(f"/sys/fs/cgroup/memory{own.get('memory', '')}") / name, "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup") / name, "memory.max"),
    ]
    for group, limit in candidates:
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            # Opened for update, so that a plain folder does not get a plain file of that name.
            with (group / limit).open("r+") as file:
                file.write(str(megabytes << 20))
        except OSError:
            group.rmdir()
            continue
        return group
    return None


def test_bootstrap_runs_on_amazon_linux(build: Path) -> None:
    """The binary asks for no newer C library than Lambda has."""
    if shutil.which("objdump") is None:
        pytest.skip("`objdump` is missing: install binutils")
    command = ["objdump", "-T", str(build / "Detect" / "bootstrap")]
    symbols = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    versions = {tuple(int(part) for part in found.split(".")) for found in re.findall(r"GLIBC_([0-9.]+)", symbols)}

    assert versions, "the binary names no versions of the C library: is it a dynamic one?"
    assert max(versions) <= NEWEST_GLIBC


def test_artefacts_hold_what_belongs_there(build: Path) -> None:
    """One executable; the engine's package; the pack and its rules; nothing that only tests or caches need."""
    function = sorted(path.name for path in (build / "Detect").iterdir())
    engine = {path.name for path in (build / "EngineLayer" / "python").iterdir()}
    rules = {path.name for path in (build / "RulesLayer" / "iota").iterdir()}
    every = [path for folder in ("Detect", "EngineLayer", "RulesLayer") for path in (build / folder).rglob("*")]

    assert ["bootstrap"] == function
    assert {"iota_engine"} == engine
    assert {"rulepack.json", "rules"} == rules
    assert [] == [path for path in every if path.name == "__pycache__" or path.suffix in (".pyc", ".orig")]
    # Lambda's limit is 250 MB for all of it, unpacked.
    assert sum(path.stat().st_size for path in every if path.is_file()) < 60_000_000


def test_the_story_in_a_small_function(sandbox: Sandbox) -> None:
    """All files one after the other: every alert of the story, every file in balance, no rule in trouble."""
    lines: list[Json] = []
    for key in log_keys():
        outcome, printed = sandbox.invoke(notification(key))
        assert "response" == outcome.kind, outcome.body
        lines += printed

    objects = [line for line in lines if line["kind"] == "object" and "/CloudTrail/" in line["key"]]

    assert expected_alerts(log_keys()) == found_alerts(lines)
    assert len([key for key in log_keys() if "/CloudTrail/" in key]) == len(objects)
    assert {"done"} == {line["status"] for line in objects}
    assert [] == [line for line in lines if line["kind"] == "rule_error"]


def test_a_missing_file_fails_and_the_next_works(sandbox: Sandbox) -> None:
    """The invocation errs, so that Lambda retries and then keeps the event; the function lives on."""
    [key, *_] = [key for key in log_keys() if "_20260314T0920Z_" in key and "/us-east-1/" in key]

    failed, _ = sandbox.invoke(notification(key.replace("T0920Z_", "T0921Z_")))
    worked, lines = sandbox.invoke(notification(key))

    assert "error" == failed.kind
    assert {"errorType", "errorMessage"} <= failed.body.keys()
    assert "response" == worked.kind
    assert expected_alerts([key]) == found_alerts(lines) != set()


def test_an_unknown_payload_is_an_error(sandbox: Sandbox) -> None:
    """Nobody knows what it was meant to be: the error shows its members, and nothing is lost in silence."""
    outcome, _ = sandbox.invoke({"surprise": 1})

    assert "error" == outcome.kind
    assert "surprise" in outcome.body["errorMessage"]


SECRET = "canary-secret-5b1d"
BENIGN = "def rule(event):\n    return event.get('eventName') == 'Bad'\n"
# What each file of tests/hostile/rules is asked: `tests/hostile.rs` appends the same.
ASKED = """

got = None


def rule(event):
    global got
    got = attempt()
    return got is not None


def title(event):
    return f"SUCCEEDED {got!r}"
"""


def hostile_layer(folder: Path, port: str) -> list[str]:
    """Compile all of tests/hostile/rules, between two rules that mean well, into `folder/opt`; return their names."""
    rules, home = folder / "rules", folder / "opt" / "home"
    rules.mkdir()
    (home / ".aws").mkdir(parents=True)
    (home / ".aws" / "credentials").write_text(SECRET)
    (home / "victim").write_text("whole")
    # The only place in the function where anything can be written.
    words = {"@CANARY@": "/tmp/canary", "@UNIX@": "/tmp/socket", "@HOME@": "/opt/home", "@VICTIM@": "/opt/home/victim"}
    names = []
    for file in sorted((ROOT / "tests" / "hostile" / "rules").glob("*.py")):
        text = file.read_text(encoding="utf-8")
        if "prot=mmap" in text and platform.machine() != "x86_64":
            continue
        for word, value in {**words, "@SECRET@": SECRET, "@PORT@": port}.items():
            text = text.replace(word, value)
        (rules / file.name).write_text(text + ASKED, encoding="utf-8")
        names.append(file.stem)
    for name in ("a_benign", "z_benign"):
        (rules / f"{name}.py").write_text(BENIGN)
    command: list[str | Path] = [binary("iota"), "compile", rules, "--bundle", folder / "opt" / "iota"]
    done = subprocess.run([*command, "--python", sys.executable], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return names


@pytest.mark.parametrize("per", ["pack", "rule"])
def test_hostile_rules_get_nothing_and_cost_the_others_nothing(build: Path, tmp_path: Path, per: str) -> None:
    """All attempts at once in the mounted function: none succeeds or leaves a trace, and who means well has alerted."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    store_folder = tmp_path / "bucket"
    key = next(key for key in log_keys() if "/CloudTrail/" in key)
    (store_folder / key).parent.mkdir(parents=True)
    common = {"eventTime": "2026-03-14T09:11:27Z", "eventSource": "a", "recipientAccountId": "111122223333"}
    records = [{**common, "eventID": str(number), "eventName": "Bad", "awsRegion": "a"} for number in range(2)]
    (store_folder / key).write_bytes(gzip.compress(json.dumps({"Records": records}).encode()))
    shutil.copytree(build / "EngineLayer", tmp_path / "opt")

    with FileStore(BUCKET, store_folder) as store:
        names = hostile_layer(tmp_path, store.address.rpartition(":")[2])
        more = {"IOTA_WORKER_PER": per, "AWS_SECRET_ACCESS_KEY": SECRET}
        with mounted(build, tmp_path, store, more) as function:
            outcome, lines = function.invoke(notification(key), 240)
            left_behind = Path(f"/proc/{function.process.pid}/root/tmp/canary").exists()

    assert len(names) >= 40
    assert "response" == outcome.kind, outcome.body
    assert {(rule, str(number)) for rule in ("a_benign", "z_benign") for number in range(2)} == found_alerts(lines)
    assert SECRET not in json.dumps(lines)
    assert not left_behind
    # An attempt that was not even started proves nothing.
    told = {line["rule_id"] for line in lines if line["kind"] == "rule_error"}
    assert {"audit", "env_own", "raw"} >= set(names) - told
    assert [] == [line for line in lines if line.get("event") == "rule_not_loaded"]
