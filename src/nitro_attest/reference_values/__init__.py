"""Reference values from build tools, KMS key policies, roles, instances and signing certificates.

Every function takes bytes or text and opens no file. Each PCR of a set is read, given or waived;
none has a default.
"""
