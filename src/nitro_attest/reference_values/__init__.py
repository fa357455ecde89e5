"""Read reference values from where they live: build tools and KMS key policies.

What a tool printed comes in as bytes or text, measurements go out. Never: a file or a socket opened
here, or a PCR that was neither read, given nor waived.
"""
