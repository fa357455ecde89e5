"""Encrypt a secret to the RSA key that an attestation document carries, and open it in the enclave.

`encrypt` writes what AWS KMS sends as `CiphertextForRecipient`: CMS EnvelopedData (RFC 5652) with
RSAES-OAEP and AES-256-CBC. `seal` writes AuthEnvelopedData (RFC 5083) with AES-256-GCM. A
`RecipientKey` opens one envelope, so its owner can't be made to decrypt by trial.

>>> from nitro_attest.recipient import RecipientKey, encrypt
>>> key = RecipientKey.generate()  # in the enclave; key.public_key goes into the document
>>> envelope = encrypt(b"the database password", key.public_key)  # after verify()
>>> key.open(envelope)
b'the database password'
"""

from nitro_attest.recipient._envelopes import decrypt, encrypt, open_sealed, seal
from nitro_attest.recipient._errors import (
    RecipientError,
    RecipientKeyError,
    RecipientKeyReason,
    SpentKeyError,
)
from nitro_attest.recipient._keys import require_rsa_key
from nitro_attest.recipient._one_time_key import RecipientKey

__all__ = [
    "RecipientError",
    "RecipientKey",
    "RecipientKeyError",
    "RecipientKeyReason",
    "SpentKeyError",
    "decrypt",
    "encrypt",
    "open_sealed",
    "require_rsa_key",
    "seal",
]
