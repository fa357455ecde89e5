"""Run the sequence from a developer's file to an enclave's result, then again with faults.

`python examples/sequence/run.py`, or `make sequence`. It needs openssl, and the packages
nitro-attest[kms] and nitro-attest-broker. The exit code is 0 if every expectation holds.
"""

import shutil
import signal
import sys
from types import FrameType
from typing import Final, NoReturn

from narration import STEPS, party_of, step_lines, table_line
from parties.wire import has_vsock
from preparation import FILE, PAYMENTS, World, prepare
from scenes import FAULTS, GOOD, LAST, Outcome, Scene, encrypt_files, play, start_enclave
from stage import Stage, StageError

_TERMINATED: Final = 143
_RULE: Final = "-" * 79


def main() -> int:
    """Print the sequence and the table; return 0 if all is as expected."""
    if shutil.which("openssl") is None:
        print("This example needs the openssl command.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _end)
    stage = Stage()
    try:
        with stage:
            expected = _run(stage)
    except StageError as problem:
        print(f"\nSTOPPED: {problem}", *stage.noise, sep="\n  ", file=sys.stderr)
        return 1
    print("Every expectation holds." if expected else "AN EXPECTATION DOES NOT HOLD.")
    return 0 if expected else 1


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(_TERMINATED)


def _run(stage: Stage) -> bool:
    file = stage.folder / "developer" / FILE
    file.parent.mkdir()
    file.write_text(PAYMENTS, encoding="utf-8")
    world = prepare(stage)
    _introduce(world)
    seen: list[int] = []

    def show(number: int) -> None:
        seen.append(number)
        print(step_lines(number), flush=True)

    waiting = start_enclave(world, GOOD)
    encrypt_files(world, show)
    good = play(world, waiting, show)
    print(f"\nThe result: {good.result}.\n")
    expected = good.as_expected(GOOD) and seen == [*range(1, len(STEPS) + 1)]
    expected &= _show_faults(world, good)
    expected &= _show_audit(world)
    return expected


def _introduce(world: World) -> None:
    s3 = world.storage.startswith("http:")
    print("From a developer's file to an enclave's result, each party a process of its own.")
    print("There is no Nitro hardware here: the attestation service is nitro-attest's")
    print("FakeNitro, and the KMS, nitro-attest-broker, trusts its root in place of AWS's.")
    print(f"Storage: {'the S3 of moto, over HTTP' if s3 else 'a directory'}")
    print(f"Vsock:   {'AF_VSOCK, loopback' if has_vsock() else 'AF_UNIX in its place'}\n")


def _show_faults(world: World, good: Outcome) -> bool:
    print("The same with one thing wrong, and the step that stops it:\n")
    print(table_line("what is wrong", "stopped at", "reason", "key"))
    print(_RULE)
    expected = True
    following = start_enclave(world, FAULTS[0])
    for index, scene in enumerate(FAULTS):
        current = following
        if scene is not FAULTS[-1]:  # the next enclave starts while this one works
            following = start_enclave(world, FAULTS[index + 1])
        outcome = play(world, current, lambda _: None, used_nonce=good.nonce)
        expected &= _show_fault(scene, outcome)
    print(_RULE)
    print("key: whether the KMS released the data key, which only the enclave can open. It")
    print("     does so for the changed blob, since only who opens a file can tell.\n")
    if expected:
        print("None of these runs returned a result. The contents of the file are in no file")
        print("but the developer's, and in nothing that a party logged or told.\n")
    return expected


def _show_fault(scene: Scene, outcome: Outcome) -> bool:
    number, reason = outcome.stopped or (LAST, "NOT STOPPED")
    where = f"{number:>2} {party_of(number)}"
    released = "yes" if outcome.released else "no"
    print(table_line(scene.what, where, reason, released), flush=True)
    expected = outcome.as_expected(scene)
    if not expected:
        print(f"   NOT AS EXPECTED: {scene.stopped}; {outcome}")
    return expected


def _show_audit(world: World) -> bool:
    """Have the KMS check its own log, which holds each of these decisions."""
    command = ("-m", "nitro_attest_broker", "audit", "verify", "--data", str(world.kms_data))
    verified = world.stage.start("audit command", *command).wait(20) == 0
    print(f"The audit log of the KMS: {'whole' if verified else 'BROKEN'}.")
    return verified


if __name__ == "__main__":
    sys.exit(main())
