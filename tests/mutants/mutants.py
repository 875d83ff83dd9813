"""Does a test fail when the money path says something else? `make mutants` asks that of hundreds of small changes.

All mutants are compiled at once (switches.py), and MUTANT=n chooses one. Each is held to quick tests first, then to slower
ones, as far as these reach it at all; the first test that fails, or hangs, has caught it.

MUTANTS        how many are drawn, 0 for all            (300)
MUTANTS_SEED   what draws them                          (1)
MUTANTS_MOST   how many of a hundred may survive        (8)
MUTANTS_ONLY   part of a path: draws from these files   (all)
"""

import concurrent.futures
import glob
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

from switches import File, Mutant, const_names

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / "target/mutants/tree"
REACHED = ROOT / "target/mutants/reached"

MONEY_PATH = [
    "src/domain/checkout/**/*.rs",
    "src/domain/order/**/*.rs",
    "src/domain/retry/**/*.rs",
    *(f"src/domain/{name}.rs" for name in ["money", "currency", "pricing", "tax", "shipping", "sends", "cart"]),
    *(f"src/stripe/{name}.rs" for name in ["outcome", "search", "charge", "refusal", "token", "stripe_checkout", "observation"]),
    *(f"src/stripe/{name}.rs" for name in ["answers", "listing", "refund", "words"]),
    "src/payments/stripe_budget/pace.rs",
]

# Which tests a mutant is held to, in this order: the binary and its filters.
STAGES = {
    "unit": ("lib", ["domain::", "stripe::", "payments::stripe_budget::pace", "payments::stripe_budget::gate"]),
    "rules": ("domain", ["checkout::", "restored::"]),
    "adapters": ("it", ["adapters::store::in_memory", "adapters::stripe_client::", "adapters::actors::listings"]),
    "simulation": ("domain", ["simulation::whatever_goes_wrong"]),
    "properties": ("domain", ["properties::"]),
    "actors": ("it", ["adapters::actors::budget"]),
    "gateway": (
        "it",
        ["system::backup::orders::a_restore_reads", "system::hosted::asked", "system::hosted::paid_while"]
        + ["system::orders::partial_refunds", "system::orders::a_refund_whose", "system::orders::a_refund_that_stripe"]
        + ["system::orders::sending::what", "system::webhooks::taken::a_payment_of_a_canceled", "system::purchase::currencies"],
    ),
}
SIMULATION_SEEDS = 1000
LEAST_SECONDS, TIMES_AS_LONG = 20, 6
# The tests start the gateway without their own environment; which mutant is chosen is passed on all the same.
PASSED_ON = b'.env_clear().envs(std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MUTANT")))'
PREAMBLE = "#![allow(warnings)]\n"
RUNTIME = """
/// Whether this mutant is the one that was chosen; a mutant that is met is noted where that is asked for.
pub fn mutant(number: u32) -> bool {
    use std::io::Write;
    use std::sync::atomic::{AtomicBool, Ordering};
    static CHOSEN: std::sync::OnceLock<(u32, Option<std::path::PathBuf>)> = std::sync::OnceLock::new();
    static MET: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];
    let (chosen, notes) = CHOSEN.get_or_init(|| {
        let chosen = std::env::var("MUTANT").ok().and_then(|chosen| chosen.parse().ok());
        (chosen.unwrap_or(0), std::env::var_os("MUTANTS_REACHED").map(Into::into))
    });
    if let Some(notes) = notes
        && !MET[number as usize].swap(true, Ordering::Relaxed)
    {
        let mut file = std::fs::File::options().append(true).create(true).open(notes).unwrap();
        file.write_all(format!("{number}\\n").as_bytes()).unwrap();
    }
    *chosen == number
}
"""


def say(text: str):
    print(text, flush=True)


def copy_tree(rewritten: set[str]):
    """What is tracked, as it stands in the checkout, but for what is rewritten. Cargo builds less where files stay."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    tracked = {name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()}
    for name in tracked - rewritten:
        content = (ROOT / name).read_bytes()
        put(TREE / name, content.replace(b".env_clear()", PASSED_ON) if name.startswith("tests/it/") else content)
    for path in [path for path in TREE.rglob("*") if path.is_file()]:
        if str(path.relative_to(TREE)) not in tracked:
            path.unlink()


def put(path: Path, content: bytes):
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


class Build:
    """The copy of the checkout with all mutants in it that compile."""

    def __init__(self):
        self.dropped: set[int] = set()
        for log in ("cargo.log", "left_out.log"):
            (ROOT / "target/mutants" / log).unlink(missing_ok=True)
        rust = [path for top in ("src", "tests") for path in sorted((ROOT / top).rglob("*.rs"))]
        paths = sorted({name for part in MONEY_PATH for name in glob.glob(part, root_dir=ROOT, recursive=True)})
        money_path = [(ROOT / path).read_bytes() for path in paths]
        self.const_names = const_names([path.read_bytes() for path in rust], money_path)
        self.files: dict[str, File] = {}
        following = 1
        for path, source in zip(paths, money_path):
            self.files[path] = File(path, source, following)
            following = self.files[path].next
        self.count = following
        self.spans = {}
        self.eased: set[tuple[str, int]] = set()
        copy_tree({"src/lib.rs", *self.files})
        lib = (ROOT / "src/lib.rs").read_bytes().decode()
        put(TREE / "src/lib.rs", (PREAMBLE + lib + RUNTIME.replace("COUNT", str(self.count))).encode())

    def write(self):
        for path, file in self.files.items():
            text, self.spans[path] = file.write(self.dropped, self.const_names)
            put(TREE / path, text)

    def mutants(self) -> list[Mutant]:
        """Those that are compiled in."""
        compiled = {number for file in self.files.values() for numbers in file.of_function.values() for number in numbers}
        return [
            mutant
            for file in self.files.values()
            for mutant in file.mutants
            if mutant.number in compiled and mutant.number not in self.dropped
        ]

    def cargo(self, *what: str) -> tuple[bool, list[dict]]:
        command = [os.environ.get("CARGO", "cargo"), *what, "--locked", "--message-format=json"]
        environment = {"CARGO_TARGET_DIR": str(ROOT / "target/mutants/build"), **os.environ}
        with (ROOT / "target/mutants/cargo.log").open("a") as log:
            done = subprocess.run([*lock(), *command], cwd=TREE, env=environment, stdout=subprocess.PIPE, stderr=log)
        return done.returncode == 0, [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]

    def build(self) -> dict[str, str]:
        """Builds, and leaves out what the compiler does not take, until it takes all. The binaries of the tests."""
        for turn in range(1, 16):
            self.write()
            started = time.monotonic()
            whole, told = self.cargo("build", "--lib")
            if whole:
                built, told = self.cargo("test", "--no-run", "--lib", "--test", "domain", "--test", "it")
                if not built:
                    rendered = [one["message"]["rendered"] for one in told if one["reason"] == "compiler-message"]
                    sys.exit("the tests do not compile:\n" + "\n".join(rendered[:5]))
                say(f"build {turn}: {len(self.mutants())} mutants compiled, {time.monotonic() - started:.0f} s")
                artifacts = [message for message in told if message.get("executable") and message["profile"]["test"]]
                binaries = {one["target"]["name"]: one["executable"] for one in artifacts}
                return {name if name in ("domain", "it") else "lib": path for name, path in binaries.items()}
            errors = [message["message"] for message in told if message["reason"] == "compiler-message"]
            errors = [error for error in errors if error["level"] == "error" and error["spans"]]
            before = (len(self.dropped), len(self.const_names))
            self.eased = set()
            for error in errors:
                out = set(self.dropped)
                self.leave_out(error)
                self.note(error, self.dropped - out)
            say(f"build {turn}: {len(errors)} errors, {len(self.dropped)} mutants left out, {time.monotonic() - started:.0f} s")
            if before == (len(self.dropped), len(self.const_names)):
                sys.exit("what the compiler says is not of a mutant:\n" + "\n".join(e["rendered"] for e in errors[:5]))
        sys.exit("the compiler was never content")

    def note(self, error: dict, numbers: set[int]):
        with (ROOT / "target/mutants/left_out.log").open("a") as log:
            log.write(f"{sorted(numbers)} {error['rendered']}\n")

    def leave_out(self, error: dict):
        constant = re.search(r"cannot call non-const .*`(?:[^`]*::)?([a-z_0-9]+)(?:::<[^`]*>)?`", error["message"])
        if constant:
            self.const_names.add(constant[1])
            return
        at_first = sorted(error["spans"], key=lambda span: not span["is_primary"])
        for kinds in ("m", "s", "f"):
            for span in at_first:
                if span["file_name"] in self.spans:
                    numbers = self.around(span, kinds)
                    if numbers:
                        self.dropped |= numbers
                        return

    def around(self, span: dict, kind: str) -> set[int]:
        """The mutants of the innermost place of this kind that holds a span."""
        file = self.files[span["file_name"]]
        spans = self.spans[span["file_name"]]
        within = lambda outer, start, end: outer.start <= start and end <= outer.end
        holding = [one for one in spans if one.kind == kind and within(one, span["byte_start"], span["byte_end"])]
        if not holding:
            return set()
        inner = min(holding, key=lambda one: one.end - one.start)
        if kind == "m":
            return {inner.number}
        if kind == "f":
            # A return that a switch may skip is the usual reason for an error of borrowing, or of what is initialised.
            numbers = set(file.of_function.get(inner.number, [])) - self.dropped
            returns = {m.number for m in file.mutants if m.number in numbers and m.mutated == "(no return)"}
            function = (file.path, inner.number)
            if returns:
                self.eased.add(function)
            # What else is wrong with a function may come of the same.
            return returns or (set() if function in self.eased else numbers)
        # The mutated branches of this very switch: those that are in no smaller one.
        switches = [one for one in spans if one.kind == "s" and one != inner and within(inner, one.start, one.end)]
        branches = [one for one in spans if one.kind == "m" and within(inner, one.start, one.end)]
        nested = {b.number for b in branches if any(within(one, b.start, b.end) for one in switches)}
        return {b.number for b in branches} - nested


def lock() -> list[str]:
    """What cargo is started with, such as a lock that others hold to as well."""
    return os.environ.get("MUTANTS_CARGO_WITH", "").split()


def run(binary: str, filters: list[str], variables: dict[str, str], seconds: float) -> tuple[str | None, float]:
    """The first test that fails, or none, and how long that took. `timeout` is no test, and says that one hangs."""
    environment = {
        **os.environ,
        "CARGO_MANIFEST_DIR": str(TREE),
        "INSTA_WORKSPACE_ROOT": str(TREE),
        "INSTA_UPDATE": "no",
        "SIMULATION_SEEDS": str(SIMULATION_SEEDS),
        "RUST_BACKTRACE": "0",
        **variables,
    }
    command = ["nice", "-n", "5", binary, "--test-threads=1", *filters]
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=TREE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    hung = threading.Event()

    def stop():
        hung.set()
        end(process)

    timer = threading.Timer(seconds, stop)
    timer.start()
    failed, test, ended = None, "", False
    try:
        for line in process.stdout:
            line = line.decode(errors="replace")
            named = re.match(r"test (\S+)(?: - should panic)? \.\.\.", line)
            test = named[1] if named else test
            ended = ended or line.startswith("test result: ok.")
            if re.search(r"FAILED\s*$", line):
                failed = test
                break
        end(process) if failed else process.wait()
    finally:
        timer.cancel()
        process.stdout.close()
    if hung.is_set() and not failed:
        failed = f"timeout in {test}"
    elif not failed and not ended:
        failed = f"the process died in {test}"
    return failed, time.monotonic() - started


def end(process: subprocess.Popen):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def baseline(binaries: dict[str, str]) -> dict[str, tuple[set[int], float]]:
    """Every stage without a mutant: it passes, so many seconds long, and reaches these mutants."""
    stages = {}
    for stage, (binary, filters) in STAGES.items():
        for one in filters:
            listed = subprocess.run([binaries[binary], "--list", one], cwd=TREE, check=True, capture_output=True).stdout
            if b": test" not in listed:
                sys.exit(f"{stage}: there is no test {one}")
        while True:
            REACHED.unlink(missing_ok=True)
            failed, seconds = run(binaries[binary], filters, {"MUTANT": "0", "MUTANTS_REACHED": str(REACHED)}, 600)
            if not failed:
                break
            if failed.startswith(("timeout", "the process")):
                sys.exit(f"{stage}: without a mutant, {failed}")
            say(f"{stage}: {failed} fails without a mutant, and is LEFT OUT")
            filters += ["--skip", failed]
        reached = {int(line) for line in REACHED.read_text().split()} if REACHED.exists() else set()
        stages[stage] = (reached, max(LEAST_SECONDS, TIMES_AS_LONG * seconds))
        say(f"{stage}: {seconds:.1f} s, reaches {len(reached)} mutants")
    return stages


def hold_to(stage: str, mutants: list[Mutant], binary: str, seconds: float) -> dict[Mutant, tuple[str, str]]:
    """The mutants that a stage catches, with the test that fails first. Two run at a time."""
    caught = {}
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        variables = [{"MUTANT": str(mutant.number)} for mutant in mutants]
        waiting = {pool.submit(run, binary, STAGES[stage][1], one, seconds): m for one, m in zip(variables, mutants)}
        for at, done in enumerate(concurrent.futures.as_completed(waiting), 1):
            mutant, (failed, _) = waiting[done], done.result()
            if failed:
                caught[mutant] = (stage, failed)
            change = f"{mutant.path}:{mutant.line} `{mutant.original}` → `{mutant.mutated}`"
            say(f"{stage} {at}/{len(mutants)}: {change}: {failed or 'not caught'}")
    return caught


def report(ends: dict[Mutant, tuple[str, str] | None], reached: set[int]) -> float:
    """The table, the survivors, and how many of a hundred they are."""
    by_file = defaultdict(Counter)
    for mutant, caught in ends.items():
        by_file[mutant.path]["caught" if caught else "survived"] += 1
    width = max(len(path) for path in by_file)
    say(f"\n{'file':{width}}  caught  survived")
    for path, counts in sorted(by_file.items()):
        say(f"{path:{width}}  {counts['caught']:6}  {counts['survived']:8}")
    stages = Counter(caught[0] for caught in ends.values() if caught)
    say("\ncaught by: " + ", ".join(f"{stage} {stages[stage]}" for stage in STAGES))
    survivors = [mutant for mutant, caught in ends.items() if not caught]
    say(f"\n{len(survivors)} of {len(ends)} survived, {sum(m.number not in reached for m in survivors)} of them met by no test")
    for mutant in survivors:
        met = "" if mutant.number in reached else " [met by no test]"
        say(f"{mutant.path}:{mutant.line} in {mutant.function}{met}\n    {mutant.original}\n  → {mutant.mutated or '(left out)'}")
    return 100 * len(survivors) / len(ends)


def main() -> int:
    how_many, seed = int(os.environ.get("MUTANTS", "300")), int(os.environ.get("MUTANTS_SEED", "1"))
    most, only = float(os.environ.get("MUTANTS_MOST", "8")), os.environ.get("MUTANTS_ONLY", "")
    TREE.mkdir(parents=True, exist_ok=True)
    build = Build()
    say(f"{build.count - 1} mutants in {len(build.files)} files")
    binaries = build.build()
    pinned = ROOT / "target/mutants/binaries"
    shutil.rmtree(pinned, ignore_errors=True)
    pinned.mkdir()
    binaries = {name: shutil.copy(path, pinned / name) for name, path in binaries.items()}
    stages = baseline(binaries)
    candidates = [mutant for mutant in build.mutants() if only in mutant.path]
    drawn = random.Random(seed).sample(candidates, min(how_many or len(candidates), len(candidates)))
    ends: dict[Mutant, tuple[str, str] | None] = dict.fromkeys(sorted(drawn, key=lambda mutant: mutant.number))
    started = time.monotonic()
    for stage, (reached, seconds) in stages.items():
        left = [mutant for mutant, caught in ends.items() if not caught and mutant.number in reached]
        ends.update(hold_to(stage, left, binaries[STAGES[stage][0]], seconds))
    survived = report(ends, set().union(*(one[0] for one in stages.values())))
    say(f"\nseed {seed}, {len(drawn)} of {len(candidates)} mutants, {survived:.1f} % survived, {time.monotonic() - started:.0f} s")
    return int(survived > most)


if __name__ == "__main__":
    sys.exit(main())
