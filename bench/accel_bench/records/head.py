"""What every record begins with: what was run, where, and on what work."""

from datetime import UTC, datetime
from typing import TypedDict

import msgspec

from accel_bench.records.bundle import bundle_facts
from accel_bench.records.environment import Environment
from accel_bench.records.parts import BundleFacts, Workload
from accel_runtime.backends import BackendDescription
from accel_runtime.bundle.bundle import Bundle


class RecordHead(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that records of all kinds share; in JSON they stand beside those of the kind.

    Attributes:
        kind: Name of the command that measured, such as `bench`.
        format: Version of this kind's fields.
        id: Start of the hash of all other fields.
        started: Time in UTC when the record was made, in ISO 8601.
        environment: Machine and packages.
        backend: Backend that ran the graphs.
        bundle: Facts of the bundle.
        workload: What all plans of the run have in common.
    """

    kind: str
    format: int
    id: str
    started: str
    environment: Environment
    backend: BackendDescription
    bundle: BundleFacts
    workload: Workload


class HeadFields(TypedDict):
    """The fields of a `RecordHead` that are made alike for every kind."""

    id: str
    started: str
    environment: Environment
    backend: BackendDescription
    bundle: BundleFacts
    workload: Workload


def make_head(
    bundle: Bundle, backend: BackendDescription, *, workload: Workload, environment: Environment
) -> HeadFields:
    """The shared fields of a record that is made now; `accel_bench.records.store.seal` fills in the id."""
    return HeadFields(
        id="",
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        environment=environment,
        backend=backend,
        bundle=bundle_facts(bundle),
        workload=workload,
    )
