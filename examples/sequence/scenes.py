"""One run of the sequence, and the same with one thing wrong."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final, final

from parties.interposer import OTHER_KEY, PLAINTEXT
from parties.storage import open_storage
from policies import CONTEXT
from preparation import FILE, SECRETS, World
from stage import Event, Party, StageError

_VERIFIES: Final = 10
_DECIDES: Final = 11
LAST: Final = 14
_DECIDED_LATE: Final = ("policy.", "document.freshness.nonce_used")
_numbers: Final = count(1)


@final
@dataclass(frozen=True, kw_only=True)
class Scene:
    """What differs from the good run, and at which step it must be stopped for which reason.

    `releases` says whether the KMS gives the data key to the enclave before that: a changed file
    is noticed only by who can open it.
    """

    what: str
    stopped: tuple[int, str] | None
    stored: str = FILE
    wrong_image: bool = False
    debug: bool = False
    minutes_late: int = 0
    used_nonce: bool = False
    interpose: str = ""
    certified: bool = True
    releases: bool = False


@final
@dataclass(kw_only=True)
class Outcome:
    """What has happened in a scene."""

    steps: list[int] = field(default_factory=list[int])
    stopped: tuple[int, str] | None = None
    result: str | None = None
    released: int = 0
    leaked: bool = False
    nonce: str = ""

    def as_expected(self, scene: Scene) -> bool:
        """Return whether it stopped where it must, for the right reason, and nothing left."""
        last = LAST if scene.stopped is None else scene.stopped[0]
        return (
            self.stopped == scene.stopped
            and (self.result is not None) == (scene.stopped is None)
            and max(self.steps, default=0) <= last
            and self.released == int(scene.releases)
            and not self.leaked
        )


TAMPERED: Final = "tampered-file"
OTHER: Final = "file-of-another-key"
GOOD: Final = Scene(what="the sequence", stopped=None, releases=True)
FAULTS: Final = (
    Scene(what="a wrong image", stopped=(11, "policy.not_allowed"), wrong_image=True),
    Scene(what="a debug enclave", stopped=(10, "document.policy.debug_enclave"), debug=True),
    Scene(
        what="a document ten minutes old",
        stopped=(10, "document.freshness.too_old"),
        minutes_late=10,
    ),
    Scene(
        what="a second use of a nonce",
        stopped=(11, "document.freshness.nonce_used"),
        used_nonce=True,
    ),
    Scene(
        what="a byte of the blob changed",
        stopped=(13, "envelope.changed"),
        stored=TAMPERED,
        releases=True,
    ),
    Scene(what="another key's ciphertext", stopped=(10, "ciphertext.other_key"), stored=OTHER),
    Scene(
        what="an answer under another CA",
        stopped=(9, "tls.not_the_ca_of_the_image"),
        interpose=OTHER_KEY,
        certified=False,
    ),
    Scene(
        what="an answer for another key",
        stopped=(12, "answer.envelope_invalid"),
        interpose=OTHER_KEY,
    ),
    Scene(what="an answer in plaintext", stopped=(12, "answer.plaintext"), interpose=PLAINTEXT),
)


def encrypt_files(world: World, told: Callable[[int], None]) -> None:
    """Have the developer encrypt the file, once more under the other key, and change a copy."""
    developer = world.stage.start("developer", "-m", "parties.developer")
    for name, key_arn in ((FILE, world.keys[0]), (OTHER, world.keys[1])):
        developer.say(_developers_job(world, name, key_arn))
        while (event := world.stage.next_event(developer)).get("event") != "file is stored":
            if name == FILE and event.get("event") == "step":
                told(int(str(event["number"])))
    storage = open_storage(world.storage)
    envelope = bytearray(storage.get(f"{FILE}.cms"))
    envelope[-40] ^= 1  # in the content: the last 16 bytes are the tag
    storage.put(f"{TAMPERED}.cms", bytes(envelope))
    storage.put(f"{TAMPERED}.key", storage.get(f"{FILE}.key"))


def _developers_job(world: World, name: str, key_arn: str) -> dict[str, str]:
    return {
        "url": world.url,
        "ca": str(world.ca),
        **world.developer.fields(),
        "key_arn": key_arn,
        "context": json.dumps(CONTEXT),
        "file": str(world.stage.folder / "developer" / FILE),
        "storage": world.storage,
        "name": name,
    }


@final
@dataclass(frozen=True, kw_only=True)
class Started:
    """A scene whose enclave has been started."""

    scene: Scene
    enclave: Party
    sockets: Path


def start_enclave(world: World, scene: Scene) -> Started:
    """Start the enclave of a scene, and its security module; both take a moment."""
    image = world.wrong_image if scene.wrong_image else world.image
    sockets = world.stage.folder / f"s{next(_numbers)}"
    sockets.mkdir()
    module = str(sockets / "nsm")
    world.attestation_service.say(
        {
            "socket": module,
            "image": str(image),
            "mode": "debug" if scene.debug else "production",
            "minutes_late": str(scene.minutes_late),
        }
    )
    enclave = world.stage.start(
        "enclave",
        "-B",  # no byte of the image changes
        "-m",
        "parties.enclave",
        world.stage.address_of(module, world.attestation_service),
        str(sockets / "enclave"),
        folder=image,
    )
    return Started(scene=scene, enclave=enclave, sockets=sockets)


def play(
    world: World, started: Started, told: Callable[[int], None], *, used_nonce: str = ""
) -> Outcome:
    """Have the parent instance give the enclave its file; `told` hears of each step."""
    stage, scene = world.stage, started.scene
    address = stage.address_of(str(started.sockets / "enclave"), started.enclave)
    parent = stage.start("parent instance", "-m", "parties.parent")
    parent.say(
        {
            "url": world.url,
            "ca": str(world.ca),
            **world.enclave.fields(),
            "storage": world.storage,
            "name": scene.stored,
            "enclave": address,
            "socket": str(started.sockets / "parent"),
            "used_nonce": used_nonce if scene.used_nonce else "",
            "interpose": scene.interpose,
            "certificate": str(world.certified if scene.certified else world.own_certificate),
        }
    )
    outcome = Outcome()
    while (event := stage.next_event(parent)).get("event") != "the enclave has answered":
        for number in _note(world, event, outcome):
            outcome.steps.append(number)
            told(number)
    outcome.result = str(event["result"]) if "result" in event else None
    if parent.wait() or started.enclave.wait():
        raise StageError("a party ended with an error")
    outcome.leaked = _has_leaked(world)
    return outcome


def _note(world: World, event: Event, outcome: Outcome) -> tuple[int, ...]:
    """Note an event, and return the steps that it stands for."""
    match event.get("event"):
        case "step":
            return (int(str(event["number"])),)
        case "nonce":
            outcome.nonce = str(event["nonce"])
        case "stopped":
            outcome.stopped = (int(str(event["step"])), str(event["reason"]))
        case "call" if event.get("operation") == "Decrypt":
            return _note_decision(world, str(event["request_id"]), outcome)
        case _:
            pass
    return ()


def _note_decision(world: World, request_id: str, outcome: Outcome) -> tuple[int, ...]:
    """Read in the audit log of the KMS what it has decided, which it doesn't tell the caller."""
    found = [line for line in world.audit_lines() if line.get("request_id") == request_id]
    if len(found) != 1:
        raise StageError("the KMS answered without an audit line")
    if found[0]["result"] == "allowed":
        outcome.released += 1
        return (_VERIFIES, _DECIDES)
    reason = str(found[0]["reason"])
    late = reason.startswith(_DECIDED_LATE)
    outcome.stopped = (_DECIDES if late else _VERIFIES, reason)
    return (_VERIFIES, _DECIDES) if late else (_VERIFIES,)


def _has_leaked(world: World) -> bool:
    """Look for the file's contents in every file but the developer's, and in all that was told."""
    secrets = [secret.encode() for secret in SECRETS]
    developers: Path = world.stage.folder / "developer"
    texts = ["".join(world.stage.told).encode()]
    texts += [
        path.read_bytes()
        for path in world.stage.folder.rglob("*")
        if path.is_file() and developers not in path.parents
    ]
    return any(secret in text for text in texts for secret in secrets)
