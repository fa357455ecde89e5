import hashlib
import json
from base64 import b64decode
from datetime import datetime, timedelta
from pathlib import Path

from nitro_attest import *
from nitro_attest.policy import *


def load_vector(p):
    return json.loads(Path(p).read_text())


def rule(j):
    return {
        "equals": lambda: Equals(bytes.fromhex(j["hex"])),
        "present": Present,
        "absent": Absent,
        "not_checked": lambda: NotChecked("kit"),
    }[j["rule"]]()


NAMES = {
    "enclave": {
        0: "pcr0_image",
        1: "pcr1_kernel",
        2: "pcr2_application",
        3: "pcr3_iam_role",
        4: "pcr4_instance_id",
        8: "pcr8_signing_certificate",
    },
    "nitrotpm": {4: "pcr4_boot_manager", 7: "pcr7_secure_boot", 12: "pcr12_command_line"},
}


def mset(j):
    k = j["kind"]
    if k == "any_enclave":
        return AnyEnclave("kit")
    if k == "debug_enclave":
        return DebugEnclave("kit")
    if k == "any_nitrotpm":
        return AnyNitroTpm("kit")
    pcrs = {int(i): Sha384.fromhex(x) for i, x in j["pcrs"].items()}
    kw = {n: pcrs.pop(i, NotChecked("kit")) for i, n in NAMES[k].items()}
    return {"enclave": EnclaveMeasurements, "nitrotpm": NitroTpmMeasurements}[k](
        label=j["label"], other_pcrs=tuple(pcrs.items()), **kw
    )


def decide(v):
    der = b64decode(v["anchor"])
    p = v["policy"]
    f = p["freshness"]
    ms = lambda n: timedelta(milliseconds=n)
    fr = (
        FreshNonce(max_age=ms(f["max_age_ms"]), max_clock_skew=ms(f["max_clock_skew_ms"]))
        if f["kind"] == "fresh_nonce"
        else TimestampOnly(because="kit", max_age=ms(f["max_age_ms"]), max_clock_skew=ms(f["max_clock_skew_ms"]))
    )
    try:
        pol = Policy(
            measurements=tuple(map(mset, p["measurements"])),
            freshness=fr,
            public_key=rule(p["public_key"]),
            user_data=rule(p["user_data"]),
            unknown_fields=Absent() if p["unknown_fields"] == "refused" else NotChecked("kit"),
            trust_anchor=TrustAnchor(name="kit", certificate=der, sha256=hashlib.sha256(der).hexdigest()),
        )
        r = verify(
            b64decode(v["doc"]),
            pol,
            nonce=None if v["nonce"] is None else bytes.fromhex(v["nonce"]),
            now=datetime.fromisoformat(v["now"]),
        )
        return "accept"
    except PolicyError as e:
        return f"POLICYERROR {e}"
    except VerificationError as e:
        return str(e.reason)
