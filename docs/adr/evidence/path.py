"""Print which chains other path validations accept without rules of our own.

They are that of `cryptography` and that of pyhanko-certvalidator.
"""

import asyncio
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import cbor2
from asn1crypto.x509 import Certificate as Asn1Certificate
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

warnings.simplefilter("ignore")  # of oscrypto, under pyhanko-certvalidator

from pyhanko_certvalidator import CertificateValidator, ValidationContext  # noqa: E402 - after the filter
from pyhanko_certvalidator.errors import PathError, ValidationError  # noqa: E402 - as above

REAL = Path(__file__).parents[3] / "tests" / "vectors" / "real"
NOW = datetime(2026, 1, 3, tzinfo=UTC)
LEAF = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.CRITICAL, None)
    .require_present(x509.KeyUsage, Criticality.AGNOSTIC, None)
)
USES = (
    *(
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
    ),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
KEYS = {
    name: ec.generate_private_key(ec.SECP384R1())
    for name in ("root", "first", "second", "leaf", "other")
}
P256, RSA2048 = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
UNKNOWN = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)
CODE_SIGNING = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """Describe one certificate."""

    name: str
    issuer: str
    ca: bool = True
    path_length: int | None = None
    uses: tuple[str, ...] = ("digital_signature", "key_cert_sign")
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None
    issuer_key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None
    valid: tuple[int, int] = (-1, 1)
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = ()

    def make(self) -> x509.Certificate:
        """Issue it."""
        key, issuer_key = self.key or KEYS[self.name], self.issuer_key or KEYS[self.issuer]
        subject, issuer = (
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)])
            for n in (self.name, self.issuer)
        )
        start, end = ((NOW + timedelta(days=days)).replace(tzinfo=None) for days in self.valid)
        builder = x509.CertificateBuilder(
            issuer, subject, key.public_key(), x509.random_serial_number(), start, end
        )
        extensions = [
            (x509.BasicConstraints(self.ca, self.path_length), True),
            (x509.KeyUsage(**{use: use in self.uses for use in USES}), True),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False),
            *self.extra,
        ]
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(
            issuer_key, SHA384() if isinstance(issuer_key, ec.EllipticCurvePrivateKey) else SHA256()
        )


ROOT = Spec(name="root", issuer="root", valid=(-3650, 3650))
FIRST = Spec(name="first", issuer="root", path_length=1)
SECOND = Spec(name="second", issuer="first", path_length=0)
END = Spec(name="leaf", issuer="second", ca=False, uses=("digital_signature",))
FREE = (ROOT, replace(FIRST, path_length=None), replace(SECOND, path_length=None))
LATE = timedelta(days=1)

CASES: dict[str, tuple[tuple[Spec, ...], timedelta]] = {
    "as it should be": ((ROOT, FIRST, SECOND, END), timedelta()),
    "authorities in another order": ((ROOT, SECOND, FIRST, END), timedelta()),
    "an authority that is not on the path": (
        (ROOT, FIRST, SECOND, Spec(name="other", issuer="root"), END),
        timedelta(),
    ),
    "P-256 leaf": ((ROOT, FIRST, SECOND, replace(END, key=P256)), timedelta()),
    "P-256 authority, ecdsa-with-SHA256": (
        (ROOT, FIRST, replace(SECOND, key=P256), replace(END, issuer_key=P256)),
        timedelta(),
    ),
    "RSA-2048 leaf": ((ROOT, FIRST, SECOND, replace(END, key=RSA2048)), timedelta()),
    "RSA-2048 authority": (
        (ROOT, FIRST, replace(SECOND, key=RSA2048), replace(END, issuer_key=RSA2048)),
        timedelta(),
    ),
    "leaf that is an authority": (
        (*FREE, replace(END, ca=True, uses=("digital_signature", "key_cert_sign"))),
        timedelta(),
    ),
    "leaf without digitalSignature": (
        (ROOT, FIRST, SECOND, replace(END, uses=("key_encipherment",))),
        timedelta(),
    ),
    "leaf for code signing (extendedKeyUsage)": (
        (ROOT, FIRST, SECOND, replace(END, extra=(CODE_SIGNING,))),
        timedelta(),
    ),
    "unknown critical extension, authority": (
        (ROOT, FIRST, replace(SECOND, extra=(UNKNOWN,)), END),
        timedelta(),
    ),
    "unknown critical extension, leaf": (
        (ROOT, FIRST, SECOND, replace(END, extra=(UNKNOWN,))),
        timedelta(),
    ),
    "pathLen exceeded": ((ROOT, replace(FIRST, path_length=0), SECOND, END), timedelta()),
    "authority without keyCertSign": (
        (ROOT, FIRST, replace(SECOND, uses=("digital_signature",)), END),
        timedelta(),
    ),
    "expired root": ((replace(ROOT, valid=(-9, -5)), FIRST, SECOND, END), timedelta()),
    "expired authority": ((ROOT, FIRST, replace(SECOND, valid=(-9, -5)), END), timedelta()),
    "notAfter of the leaf and 0.9 s": ((ROOT, FIRST, SECOND, END), LATE + timedelta(seconds=0.9)),
    "notAfter of the leaf and 1 s": ((ROOT, FIRST, SECOND, END), LATE + timedelta(seconds=1)),
}


def by_cryptography(chain: list[x509.Certificate], now: datetime) -> list[x509.Certificate]:
    """Validate root, authorities and leaf with the library alone."""
    root, *others, leaf = chain
    builder = PolicyBuilder().store(Store([root])).time(now.replace(tzinfo=None, microsecond=0))
    builder = builder.extension_policies(
        ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=LEAF
    )
    return builder.build_client_verifier().verify(leaf, others).chain


def by_pyhanko(chain: list[x509.Certificate], now: datetime) -> None:
    """Validate root, authorities and leaf with the second opinion."""
    root, *others, leaf = (
        Asn1Certificate.load(certificate.public_bytes(Encoding.DER)) for certificate in chain
    )
    context = ValidationContext(
        trust_roots=[root], other_certs=others, moment=now, allow_fetching=False
    )
    asyncio.run(
        CertificateValidator(leaf, validation_context=context).async_validate_usage(
            {"digital_signature"}
        )
    )


def outcome(check: Callable[[], object]) -> str:
    """Say what came of a check."""
    try:
        check()
    except (VerificationError, PathError, ValidationError):
        return "refused"
    return "accepted"


def best(work: Callable[[], object]) -> float:
    """Return the least CPU time of one run in a hundred, in milliseconds."""
    spent = []
    for _ in range(100):
        start = time.process_time_ns()
        work()
        spent.append(time.process_time_ns() - start)
    return min(spent) / 1e6


def genuine() -> list[tuple[list[x509.Certificate], datetime]]:
    """Return the chains of the captured documents, each with its own time."""
    chains = []
    for entry in json.loads((REAL / "index.json").read_text()):
        payload = cbor2.loads(cbor2.loads((REAL / entry["file"]).read_bytes())[2])
        ders = [*payload["cabundle"], payload["certificate"]]
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=entry["timestamp_ms"])
        chains.append(([x509.load_der_x509_certificate(der) for der in ders], at))
    return chains


def four_checks(chain: list[x509.Certificate]) -> None:
    """Check the four signatures of a chain and nothing else."""
    for issuer, issued in pairwise(chain):
        issuer.public_key().verify(
            issued.signature, issued.tbs_certificate_bytes, ec.ECDSA(SHA384())
        )


def main() -> None:
    """Print the cases, then the genuine chains and what they cost."""
    print(
        f"cryptography {version('cryptography')}, "
        f"pyhanko-certvalidator {version('pyhanko-certvalidator')}\n"
    )
    print(f"{'chain':<44}{'cryptography':<16}pyhanko-certvalidator")
    for what, (specs, late) in CASES.items():
        chain = [spec.make() for spec in specs]
        first, second = (
            outcome(partial(check, chain, NOW + late)) for check in (by_cryptography, by_pyhanko)
        )
        print(f"{what:<44}{first:<16}{second}")
    chains = genuine()
    accepted = sum(
        outcome(partial(by_cryptography, chain, at)) == "accepted" for chain, at in chains
    )
    path = min(best(partial(by_cryptography, chain, at)) for chain, at in chains)
    alone = min(best(partial(four_checks, chain)) for chain, _ in chains)
    print(f"\ngenuine chains that cryptography accepts: {accepted} of {len(chains)}")
    print(
        f"its path validation {path:.2f} ms, the four signature checks alone {alone:.2f} ms: "
        f"{path / alone:.2f} times"
    )


if __name__ == "__main__":
    main()
