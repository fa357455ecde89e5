"""A fake AWS Nitro host, which issues attestation documents under a root of its own.

`verify` accepts them only under a policy that names `FakeNitro.trust_anchor`. The root's name
begins with NEVER_TRUST, and its key exists only in the object that made it.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache
from itertools import chain as concatenate
from threading import Lock
from typing import Final, final

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384

from nitro_attest import (
    EnclaveMeasurements,
    NitroTpmMeasurements,
    Policy,
    PolicyError,
    Sha384,
    TrustAnchor,
)
from nitro_attest.testing._certificates import (
    LEAF_EXTENSIONS,
    ROOT_EXTENSIONS,
    Authority,
    FakeChain,
    authority_extensions,
    certify,
    distinguished_name,
)

P384_ORDER: Final = ec.SECP384R1().group_order
INSTANCE_ID: Final = "i-0fa4e0fa4e0fa4e0f"
ENCLAVE_MODULE_ID: Final = f"{INSTANCE_ID}-enc0fa4e0fa4e0fa4e0"
NITRO_TPM_MODULE_ID: Final = f"{INSTANCE_ID}-tpm0000000000000000"
REGION: Final = "us-east-1"
NEVER_TRUST: Final = "NEVER_TRUST.fake-nitro"

_MIN_SEED_BYTES: Final = 16  # 128 bits
_PROTECTED_HEADER: Final = bytes.fromhex("a1013822")
_NO_HEADER: Final[dict[int, object]] = {}
_MAX_COMMON_NAME: Final = 64  # X.520, ub-common-name
_ROOT_FROM: Final = datetime(2000, 1, 1, tzinfo=UTC)
_ROOT_UNTIL: Final = datetime(2099, 12, 31, tzinfo=UTC)
_LEAF_BEFORE: Final = timedelta(seconds=3)  # AWS's leaf begins 0.2 to 4.4 s before its first use
_LEAF_REUSED: Final = timedelta(hours=3)
_MODULE_ID: Final = re.compile(r"(i-[0-9a-f]+)-(?:enc|tpm)[0-9a-f]{16}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


@final
class PayloadMap(Enum):
    """How the payload's map is encoded: by AWS definite until 2025-05, and indefinite since."""

    DEFINITE = "definite"
    INDEFINITE = "indefinite"


@final
class EnvelopeTag(Enum):
    """Whether the envelope has CBOR tag 18: AWS's specification allows it, no document has it."""

    ABSENT = "absent"
    TAG_18 = "tag 18"


@final
class FakeNitro:
    """An AWS Nitro host that issues documents under a root made for this object.

    With a `seed` of at least 16 bytes the same calls give the same bytes on every run; without one
    the keys are new. `now` is the time of documents that are given none, and defaults to the
    system's clock at construction.

    As at AWS, a module's leaf certificate is issued with its first document, is valid from 3 s
    before it, and is used again for up to 3 hours: a verifier whose clock is a few seconds slow
    sees certificates that are not valid yet, and needs the policy's `max_clock_skew`.

    Raises:
        PolicyError: The seed is too short, or `now` is not an aware datetime.

    """

    def __init__(self, *, seed: bytes | None = None, now: datetime | None = None) -> None:
        """Make the root."""
        if seed is not None and len(seed) < _MIN_SEED_BYTES:
            raise PolicyError("seed", f"expected at least {_MIN_SEED_BYTES} bytes")
        self._seed = secrets.token_bytes(32) if seed is None else seed
        self.now: Final = _aware(datetime.now(UTC) if now is None else now)
        self._root: Final = Authority(distinguished_name(NEVER_TRUST), self._key("root"))
        certificate = certify(
            self._root, self._root, self._serial("root"), (_ROOT_FROM, _ROOT_UNTIL), ROOT_EXTENSIONS
        )
        self.trust_anchor: Final = TrustAnchor(
            name=NEVER_TRUST,
            certificate=certificate,
            sha256=hashlib.sha256(certificate).hexdigest(),
        )
        self._authorities = lru_cache(maxsize=1024)(self._make_authorities)
        self._leaf = lru_cache(maxsize=1024)(self._make_leaf)
        self._leaf_starts: dict[str, list[datetime]] = {}
        self._starting = Lock()

    def enclave_document(  # noqa: PLR0913 - each is a part of the document
        self,
        *,
        public_key: bytes | None = None,
        user_data: bytes | None = None,
        nonce: bytes | None = None,
        pcrs: Mapping[int, bytes] | None = None,
        module_id: str = ENCLAVE_MODULE_ID,
        now: datetime | None = None,
        payload_map: PayloadMap = PayloadMap.INDEFINITE,
        tag: EnvelopeTag = EnvelopeTag.ABSENT,
    ) -> bytes:
        """Issue an enclave's document; `pcrs` replaces single PCRs of the sixteen it has."""
        values = {**_enclave_pcrs(), **(pcrs or {})}
        fields = {"pcrs": values, "public_key": public_key, "user_data": user_data, "nonce": nonce}
        return self._issue(fields, module_id, now, payload_map, tag)

    def nitro_tpm_document(  # noqa: PLR0913 - each is a part of the document
        self,
        *,
        public_key: bytes | None = None,
        user_data: bytes | None = None,
        nonce: bytes | None = None,
        pcrs: Mapping[int, bytes] | None = None,
        module_id: str = NITRO_TPM_MODULE_ID,
        now: datetime | None = None,
        payload_map: PayloadMap = PayloadMap.INDEFINITE,
        tag: EnvelopeTag = EnvelopeTag.ABSENT,
    ) -> bytes:
        """Issue a NitroTPM document; `pcrs` replaces single PCRs of the 24 it has."""
        values = {**_nitro_tpm_pcrs(), **(pcrs or {})}
        fields = {
            "nitrotpm_pcrs": values,
            "public_key": public_key,
            "user_data": user_data,
            "nonce": nonce,
        }
        return self._issue(fields, module_id, now, payload_map, tag)

    @staticmethod
    def enclave_measurements() -> EnclaveMeasurements:
        """Return the set that `enclave_document` matches unless it is given other PCRs."""
        pcrs = _enclave_pcrs()
        return EnclaveMeasurements(
            label="fake enclave",
            pcr0_image=Sha384(pcrs[0]),
            pcr1_kernel=Sha384(pcrs[1]),
            pcr2_application=Sha384(pcrs[2]),
            pcr3_iam_role=Sha384(pcrs[3]),
            pcr4_instance_id=Sha384(pcrs[4]),
            pcr8_signing_certificate=Sha384(pcrs[8]),
        )

    @staticmethod
    def nitro_tpm_measurements() -> NitroTpmMeasurements:
        """Return the set that `nitro_tpm_document` matches unless it is given other PCRs."""
        pcrs = _nitro_tpm_pcrs()
        return NitroTpmMeasurements(
            label="fake instance",
            pcr4_boot_manager=Sha384(pcrs[4]),
            pcr7_secure_boot=Sha384(pcrs[7]),
            pcr12_command_line=Sha384(pcrs[12]),
        )

    def trusting(self, policy: Policy) -> Policy:
        """Return `policy` with the root of this object in place of AWS's, and nothing else changed.

        So a service is tested with the policy it runs with.
        """
        return replace(policy, trust_anchor=self.trust_anchor)

    def chain(self, module_id: str, now: datetime) -> FakeChain:
        """Return the certificates of a document that `module_id` makes at `now`.

        The leaf is the one that the module has at that time already, or a new one.

        Raises:
            PolicyError: `module_id` is longer than 50 characters, or `now` is not aware.

        """
        at = _aware(now)
        with self._starting:
            starts = self._leaf_starts.setdefault(module_id, [])
            start = next((start for start in starts if start <= at <= start + _LEAF_REUSED), None)
            if start is None:
                start = at.replace(microsecond=0) - _LEAF_BEFORE
                starts.append(start)
        return self._leaf(module_id, start)

    @staticmethod
    def sign(payload: bytes, chain: FakeChain, *, tag: EnvelopeTag = EnvelopeTag.ABSENT) -> bytes:
        """Put any payload into a signed envelope, also one that no module would write."""
        message = cbor2.dumps(["Signature1", _PROTECTED_HEADER, b"", payload])
        r, s = decode_dss_signature(
            chain.leaf_key.sign(message, ec.ECDSA(SHA384(), deterministic_signing=True))
        )
        sign1 = cbor2.dumps(
            [_PROTECTED_HEADER, _NO_HEADER, payload, r.to_bytes(48, "big") + s.to_bytes(48, "big")]
        )
        return b"\xd2" + sign1 if tag is EnvelopeTag.TAG_18 else sign1

    def _issue(
        self,
        fields: Mapping[str, object],
        module_id: str,
        now: datetime | None,
        payload_map: PayloadMap,
        tag: EnvelopeTag,
    ) -> bytes:
        at = self.now if now is None else _aware(now)
        chain = self.chain(module_id, at)
        # AWS's order: the PCRs before the certificates, the optional fields after them
        pcrs, *others = fields.items()
        payload = dict(
            [
                ("module_id", module_id),
                ("digest", "SHA384"),
                ("timestamp", (at - _EPOCH) // _MILLISECOND),
                pcrs,
                ("certificate", chain.certificate),
                ("cabundle", list(chain.cabundle)),
                *others,
            ]
        )
        return self.sign(encode_payload(payload, payload_map), chain, tag=tag)

    def _make_authorities(
        self, instance_id: str, hour: datetime
    ) -> tuple[tuple[Authority, ...], tuple[bytes, ...]]:
        """Issue the three CA certificates under the root, with AWS's lifetimes and constraints."""
        issuers, bundle = [self._root], [self.trust_anchor.certificate]
        for path_length, prefix, started, lifetime in (
            (2, "{digits}", timedelta(days=2), timedelta(days=20, hours=1)),
            (1, "{digits}.zonal", timedelta(days=1), timedelta(days=6)),
            (0, instance_id, timedelta(hours=1), timedelta(hours=24)),
        ):
            owner = f" {instance_id}" if path_length == 0 else ""
            label = f"authority {path_length} {hour.isoformat()}{owner}"
            digits = f"{self._serial(label):032x}"[:16]
            authority = Authority(
                distinguished_name(f"{prefix.format(digits=digits)}.{REGION}.{NEVER_TRUST}"),
                self._key(label),
            )
            valid = (hour - started, hour - started + lifetime)
            extensions = authority_extensions(path_length, issuers[-1], authority)
            bundle.append(certify(authority, issuers[-1], self._serial(label), valid, extensions))
            issuers.append(authority)
        return tuple(issuers), tuple(bundle)

    def _make_leaf(self, module_id: str, start: datetime) -> FakeChain:
        common_name = f"{module_id}.{REGION}.aws"
        if (longest := _MAX_COMMON_NAME - len(common_name) + len(module_id)) < len(module_id):
            raise PolicyError("module_id", f"expected at most {longest} characters")
        found = _MODULE_ID.fullmatch(module_id)
        instance_id = found[1] if found else INSTANCE_ID
        issuers, bundle = self._authorities(instance_id, start.replace(minute=0, second=0))
        label = f"leaf {module_id} {start.isoformat()}"
        leaf = Authority(distinguished_name(common_name), self._key(label))
        valid = (start, start + _LEAF_REUSED + _LEAF_BEFORE)
        certificate = certify(leaf, issuers[-1], self._serial(label), valid, LEAF_EXTENSIONS)
        return FakeChain(bundle, certificate, leaf.key, tuple(issuer.key for issuer in issuers))

    def _derive(self, label: str) -> int:
        return int.from_bytes(hashlib.sha512(self._seed + b"\0" + label.encode()).digest(), "big")

    def _key(self, label: str) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(
            self._derive(f"key {label}") % (P384_ORDER - 1) + 1, ec.SECP384R1()
        )

    def _serial(self, label: str) -> int:
        return self._derive(f"serial {label}") % (1 << 127) + 1


def encode_payload(payload: Mapping[str, object], payload_map: PayloadMap) -> bytes:
    """Encode a payload in a map of definite or of indefinite length, as AWS did and does."""
    if payload_map is PayloadMap.DEFINITE:
        return cbor2.dumps(payload)
    return (
        b"\xbf" + b"".join(map(cbor2.dumps, concatenate.from_iterable(payload.items()))) + b"\xff"
    )


def pcrs_of(measurements: EnclaveMeasurements | NitroTpmMeasurements) -> dict[int, bytes]:
    """Return the PCRs that a set pins, to be given to a document that shall match it."""
    return {
        index: rule.value
        for index, rule in measurements.pcr_rules().items()
        if isinstance(rule, Sha384)
    }


def _pcr(text: str) -> bytes:
    return hashlib.sha384(f"fake nitro {text}".encode()).digest()


def _enclave_pcrs() -> dict[int, bytes]:
    """Return sixteen PCRs: an unsigned image, no IAM role, PCR4 by AWS's formula."""
    pcrs = dict.fromkeys(range(16), bytes(48))
    pcrs |= {index: _pcr(f"enclave PCR{index}") for index in (0, 1, 2)}
    pcrs[4] = hashlib.sha384(bytes(48) + INSTANCE_ID.encode()).digest()
    return pcrs


def _nitro_tpm_pcrs() -> dict[int, bytes]:
    """Return 24 PCRs; as on hardware 17 to 22 are all ones, and 11 to 16 and 23 are zero."""
    pcrs = {index: _pcr(f"NitroTPM PCR{index}") for index in range(11)}
    pcrs |= dict.fromkeys([*range(11, 17), 23], bytes(48))
    pcrs |= dict.fromkeys(range(17, 23), b"\xff" * 48)
    return dict(sorted(pcrs.items()))


def _aware(now: datetime) -> datetime:
    if now.utcoffset() is None:
        raise PolicyError("now", "expected an aware datetime, such as datetime.now(UTC)")
    return now.astimezone(UTC)
