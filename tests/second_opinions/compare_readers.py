"""Compare our reader of certificates with that of `cryptography` on mutated DER.

    python tests/second_opinions/compare_readers.py --count 400000

Each input is a certificate of a captured document or of the fake with one to three changes of an
element, of a byte, or of the kind that certificates in the wild show. Ours is `read_certificate`
with the profile. The exit code is 1 if ours accepts what the library rejects, or if anything but
its own error leaves it.
"""

import argparse
import sys
import warnings
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from cryptography import x509

from nitro_attest import UntrustedDocumentError
from nitro_attest._core.certificate import read_certificate
from nitro_attest._core.profile import Role, check_profile
from support.captured import GENUINE
from support.mutators import chains, der, profile

ACCEPT: Final = "accept"
SHOWN: Final = 5


def seeds() -> list[tuple[bytes, Role]]:
    """Return every certificate of the captured documents and of the fake, with its role."""
    found = dict.fromkeys(
        (certificate, Role.CA)
        for entry in GENUINE
        for certificate in (*entry.payload["cabundle"], *chains.fake_chain_at_now().cabundle)
    )
    leaves = [chains.fake_chain_at_now().leaf, *(entry.payload["certificate"] for entry in GENUINE)]
    return [*found, *((leaf, Role.LEAF) for leaf in leaves)]


def mutate(certificate: bytes, chance: Random) -> bytes:
    """Change elements and bytes anywhere."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        if chance.random() < 0.5:
            certificate = der.mutate(certificate, chance)
        else:
            at = chance.randrange(len(certificate))
            certificate = certificate[:at] + chance.randbytes(1) + certificate[at + 1 :]
    return certificate


def mutate_within(certificate: bytes, chance: Random) -> bytes:
    """Change the signed part, and write every length around it anew."""
    root = der.read(certificate)
    part = chains.signed_part(certificate)
    for _ in range(chance.choice((1, 1, 2))):
        part = der.mutate(part, chance) if chance.random() < 0.5 else profile.mutate(part, chance)
    rest = [node.encoded() for node in root.parts[1:]] if root is not None and root.parts else []
    return der.element(0x30, part, *rest)


def ours(certificate: bytes, role: Role) -> str:
    """Return what our reader and the profile say, or which foreign exception they raise."""
    try:
        check_profile(read_certificate(certificate, "certificate"), role, "certificate")
    except UntrustedDocumentError as rejection:
        return str(rejection.reason)
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as wrong:
        return f"raised {type(wrong).__name__}"
    return ACCEPT


def library(certificate: bytes) -> str:
    """Return whether `cryptography` can parse it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            x509.load_der_x509_certificate(certificate)
    except (ValueError, TypeError, x509.InvalidVersion, Warning) as wrong:
        return type(wrong).__name__
    return ACCEPT


def main() -> int:
    """Compare both on mutated certificates."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance, originals = Random(arguments.seed), seeds()
    found: Counter[tuple[str, str]] = Counter()
    for _ in range(arguments.count):
        certificate, role = chance.choice(originals)
        change = mutate if chance.random() < 0.5 else mutate_within
        changed = change(certificate, chance)
        verdict = ours(changed, role), library(changed)
        found[verdict] += 1
        if verdict[0] == ACCEPT != verdict[1] and found[verdict] <= SHOWN:
            print("accepted by our reader alone:", changed.hex())
    print(f"{found.total()} mutated certificates")
    for (own, theirs), count in found.most_common():
        print(f"  ours {own}, library {theirs}: {count}")
    alone = sum(n for (own, theirs), n in found.items() if own == ACCEPT != theirs)
    raised = sum(n for (own, _), n in found.items() if own.startswith("raised"))
    stricter = sum(n for (own, theirs), n in found.items() if own != ACCEPT == theirs)
    print(f"accepted by ours alone: {alone}; foreign exceptions: {raised}; by it alone: {stricter}")
    return 1 if alone or raised else 0


if __name__ == "__main__":
    sys.exit(main())
