"""A job of the load generator's, run in a process of its own that ends with this one.

One line of JSON goes to the process, a `Job`; lines of JSON come back, `Message`s.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, TypeAlias

import msgspec

from accel_bench.base.process import run_module
from accel_bench.plans.prepare import Settings
from accel_bench.records.parts import PlanFacts
from accel_bench.records.scenario import Load, ScenarioRun
from accel_runtime.backends import BackendDescription
from accel_runtime.durable import write_folder
from accel_runtime.errors import BackendError, InputError, first_line
from accel_runtime.plans.spec import PlanSpec

# What the names of the load generator's files begin with.
_LOGS: Final = "mlperf_log_"


class Job(msgspec.Struct, frozen=True):
    """One plan under one load.

    Attributes:
        bundle: The bundle's folder.
        digest: Its digest.
        spec: The plan.
        facts: What records tell of the plan.
        load: The load; a server's `qps` of None is set from the time of single images.
        ray: Address of the Ray cluster whose workers draw; None draws in the process itself.
    """

    bundle: str
    digest: str
    provider: str
    threads: int | None
    options: dict[str, str]
    spec: PlanSpec
    facts: PlanFacts
    settings: Settings
    prompts: tuple[str, ...]
    load: Load
    ray: str | None = None


class Progress(msgspec.Struct, frozen=True, tag=True):
    """How many queries are answered so far."""

    answered: int


class Finished(msgspec.Struct, frozen=True, tag=True):
    """The result, once the load is over."""

    run: ScenarioRun
    backend: BackendDescription


class Told(msgspec.Struct, frozen=True, tag=True):
    """Something that the user should know, such as a worker that was lost."""

    text: str


class Failed(msgspec.Struct, frozen=True, tag=True):
    """Why the job failed, in one line."""

    reason: str
    exit_code: int


Message: TypeAlias = Progress | Told | Finished | Failed


def run_job(job: Job, folder: Path) -> Iterator[Progress | Told | Finished]:
    """Do a job, yielding the progress after every batch and the result last.

    Args:
        job: The job.
        folder: Folder for the load generator's logs.

    Raises:
        InputError: The bundle cannot do what the job asks for.
        BackendError: The job failed.
    """
    with _child(folder) as (process, ask, answers):
        ask.write(msgspec.json.encode(job) + b"\n")
        ask.flush()
        for line in answers:
            message = _message(line)
            if isinstance(message, Failed):
                raise (InputError if message.exit_code == InputError.exit_code else BackendError)(message.reason)
            yield message
            if isinstance(message, Finished):
                return
        raise BackendError(f"the process under load ended with {process.wait()} and without a result")


def _message(line: bytes) -> Message:
    try:
        message: Message = msgspec.json.decode(line, type=Message)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BackendError(f"the process under load printed something else: {first_line(error)}") from error
    return message


@contextmanager
def _child(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]]:
    # In a session of its own, an interrupt reaches only us, and we end the process.
    process = subprocess.Popen(  # noqa: S603  # our own module
        run_module("accel_bench.scenarios.child", folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018  # both are pipes
    try:
        yield process, process.stdin, process.stdout
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@contextmanager
def log_folder(folder: Path) -> Iterator[Path]:
    """A folder for logs. It gets the name ``folder`` if all goes well, and is removed if not.

    Raises:
        InputError: ``folder`` holds something else than logs.
        WriteError: The folder cannot be written.
    """
    with write_folder(folder, replacing=_only_logs) as filled:
        yield filled


@contextmanager
def _only_logs(folder: Path) -> Iterator[None]:
    """Refuse to replace a folder that holds anything but the load generator's files."""
    foreign = next((path for path in folder.glob("*") if not path.name.startswith(_LOGS)), None)
    if not folder.is_dir() or foreign is not None:
        raise InputError(f"{foreign or folder}: no log of the load generator, so it is not replaced: move it elsewhere")
    yield
