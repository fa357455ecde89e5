"""Fuzz all targets, one after the other: `python tests/fuzz/run.py --seconds 60`.

`make fuzz` calls this. Crashes stay in build/fuzz/crashes and make the command fail; the corpus
stays in build/fuzz/corpus, so that a later run begins where this one ended. Executions and CPU
seconds are added to build/fuzz/figures.json.
"""

import argparse
import hashlib
import importlib
import importlib.util
import json
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

TESTS: Final = Path(__file__).parent.parent
BUILD: Final = TESTS.parent / "build" / "fuzz"
TARGETS: Final = (
    *("envelope", "chain", "walk", "payload", "policy_file"),
    *("recipient", "nsm"),
)
SLOWEST_SECONDS: Final = 10  # an input that takes longer is a crash
MAX_MEMORY_MIB: Final = 2048

sys.path.insert(0, str(TESTS))


def main() -> int:
    """Run the targets asked for; fail if any has ever left a crash that is still there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("targets", nargs="*", default=TARGETS, metavar="TARGET")
    arguments = parser.parse_args()
    for name in arguments.targets:
        if name == "policy_file" and importlib.util.find_spec("nitro_attest.policy_file") is None:
            print("policy_file: nitro_attest.policy_file is not there, so there is nothing to fuzz")
            continue
        fuzz(name, arguments.seconds)
    crashes = sorted((BUILD / "crashes").glob("*"))
    for crash in crashes:
        print(f"crash: {crash}")
    return 1 if crashes else 0


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target and write down what was done."""
    target: Any = importlib.import_module(f"fuzz.target_{name}")
    corpus, crashes = BUILD / "corpus" / name, BUILD / "crashes"
    for folder in (corpus, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:40]).write_bytes(seed)
    command = [
        *(sys.executable, str(TESTS / "fuzz" / "one.py"), name, str(corpus)),
        *(
            f"-max_total_time={seconds}",
            f"-max_len={target.MAX_BYTES}",
            f"-timeout={SLOWEST_SECONDS}",
        ),
        *(
            f"-rss_limit_mb={MAX_MEMORY_MIB}",
            f"-artifact_prefix={crashes}/{name}-",
            "-print_final_stats=1",
            "-verbosity=1",
        ),
    ]
    log = BUILD / f"{name}.log"
    before = cpu_seconds()
    with log.open("w") as output:
        code = subprocess.run(  # noqa: S603 - our own command
            command, stdout=output, stderr=subprocess.STDOUT, check=False
        ).returncode
    text = log.read_text(errors="replace")
    executions = re.findall(r"number_of_executed_units: *([0-9]+)", text)
    if not executions:
        (crashes / f"{name}-no-figures.log").write_text(text)
    done = int(executions[-1]) if executions else 0
    spent = round(cpu_seconds() - before)
    print(
        f"{name}: {done} executions in {seconds} s ({spent} s of CPU), exit code {code}, log {log}"
    )
    if code:
        (crashes / f"{name}-exit-{code}.log").write_text(text[-20_000:])
    _write_down(name, done, spent)


def cpu_seconds() -> float:
    """Return the CPU time of all fuzzers that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _write_down(name: str, executions: int, seconds: int) -> None:
    file = BUILD / "figures.json"
    figures: dict[str, dict[str, int]] = json.loads(file.read_text()) if file.exists() else {}
    figure = figures.setdefault(name, {"executions": 0, "cpu_seconds": 0})
    figure["executions"] += executions
    figure["cpu_seconds"] += seconds
    file.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
