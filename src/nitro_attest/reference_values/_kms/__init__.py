"""KMS key policies: read, decided, reviewed, carried to measurement sets and back.

The public names are in `nitro_attest.reference_values.kms`. Nothing here opens a file or a socket.
"""
