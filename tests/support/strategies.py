"""Hypothesis strategies for measurements and policies: everything the constructors accept.

The values are from small pools, which make sets that share values and differ in one, where mistakes
show.
"""

from datetime import timedelta
from typing import Final

from hypothesis import strategies as st

from nitro_attest import (
    AWS_NITRO_ROOT_G1,
    AWS_US_GOV_NITRO_ROOT_G1,
    Absent,
    AnyEnclave,
    AnyNitroTpm,
    DebugEnclave,
    EnclaveMeasurements,
    Equals,
    FieldRule,
    Freshness,
    FreshNonce,
    Measurements,
    NitroTpmMeasurements,
    NotChecked,
    Policy,
    Present,
    Sha384,
    TimestampOnly,
    TrustAnchor,
)
from nitro_attest.testing import FakeNitro

FAKE: Final = FakeNitro(seed=b"generated policies, never trust")

DIGESTS: Final = tuple(
    Sha384(bytes([first]) + bytes(46) + b"\x0f") for first in (0x00, 0x11, 0xAB, 0xFF)
)
_letters = st.characters(
    categories=("L", "M", "N", "P", "S")
)  # what is printable, but for the space
texts: st.SearchStrategy[str] = st.tuples(
    _letters, st.text(_letters | st.just(" "), max_size=20)
).map("".join)
nonzero_digests = st.sampled_from(DIGESTS)
digests = st.sampled_from((*DIGESTS, Sha384.ZERO))
waivers = st.builds(NotChecked, texts)
anchors: st.SearchStrategy[TrustAnchor] = st.sampled_from(
    (AWS_NITRO_ROOT_G1, AWS_NITRO_ROOT_G1, AWS_US_GOV_NITRO_ROOT_G1, FAKE.trust_anchor)
)


def _others(*named: int) -> st.SearchStrategy[tuple[tuple[int, Sha384], ...]]:
    free = [index for index in range(32) if index not in named]
    return st.lists(
        st.tuples(st.sampled_from(free), digests), max_size=3, unique_by=lambda pair: pair[0]
    ).map(tuple)


@st.composite
def enclave_sets(draw: st.DrawFn) -> EnclaveMeasurements:
    """Return a set that pins at least PCR0, PCR1 together with PCR2, or PCR8."""
    pinned = draw(
        st.sampled_from(
            (
                ("pcr0_image",),
                ("pcr1_kernel", "pcr2_application"),
                ("pcr8_signing_certificate",),
            )
        )
    )
    rules: dict[str, Sha384 | NotChecked] = {
        "pcr0_image": draw(nonzero_digests | waivers),
        "pcr1_kernel": draw(nonzero_digests | waivers),
        "pcr2_application": draw(nonzero_digests | waivers),
        "pcr3_iam_role": draw(digests | waivers),
        "pcr4_instance_id": draw(digests | waivers),
        "pcr8_signing_certificate": draw(digests | waivers),
    }
    rules |= {name: draw(nonzero_digests) for name in pinned}
    return EnclaveMeasurements(
        label=draw(texts), other_pcrs=draw(_others(0, 1, 2, 3, 4, 8)), **rules
    )


@st.composite
def nitro_tpm_sets(draw: st.DrawFn) -> NitroTpmMeasurements:
    """Return a set that pins PCR7, or PCR4 together with PCR12."""
    rules: dict[str, Sha384 | NotChecked] = {
        "pcr4_boot_manager": draw(nonzero_digests | waivers),
        "pcr7_secure_boot": draw(nonzero_digests | waivers),
        "pcr12_command_line": draw(digests | waivers),
    }
    if isinstance(rules["pcr7_secure_boot"], NotChecked):
        rules |= {"pcr4_boot_manager": draw(nonzero_digests), "pcr12_command_line": draw(digests)}
    return NitroTpmMeasurements(label=draw(texts), other_pcrs=draw(_others(4, 7, 12)), **rules)


any_enclave_sets: st.SearchStrategy[Measurements] = (
    enclave_sets() | st.builds(AnyEnclave, texts) | st.builds(DebugEnclave, texts)
)
any_nitro_tpm_sets: st.SearchStrategy[Measurements] = nitro_tpm_sets() | st.builds(
    AnyNitroTpm, texts
)
field_rules: st.SearchStrategy[FieldRule] = (
    st.builds(Equals, st.binary(max_size=40) | st.just(bytes(1024)))
    | st.just(Present())
    | st.just(Absent())
    | waivers
)
positive = st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta.max)
skews = st.timedeltas(min_value=timedelta(), max_value=timedelta(minutes=5))
freshness_rules: st.SearchStrategy[Freshness] = st.builds(
    FreshNonce, max_age=positive, max_clock_skew=skews
) | st.builds(TimestampOnly, because=texts, max_age=positive, max_clock_skew=skews)


def policies_of(sets: st.SearchStrategy[Measurements], most: int = 3) -> st.SearchStrategy[Policy]:
    """Return policies with up to `most` sets drawn from `sets`, all of one kind."""
    return st.builds(
        Policy,
        measurements=st.lists(sets, min_size=1, max_size=most).map(tuple),
        freshness=freshness_rules,
        public_key=field_rules,
        user_data=field_rules,
        unknown_fields=st.just(Absent()) | waivers,
        trust_anchor=anchors,
    )


policies: st.SearchStrategy[Policy] = st.one_of(
    policies_of(enclave_sets()),
    policies_of(nitro_tpm_sets()),
    policies_of(any_enclave_sets | any_nitro_tpm_sets, most=1),
)
