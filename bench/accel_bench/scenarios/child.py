"""The process that draws under load: MLPerf's load generator can only be stopped together with its process.

``python -m accel_bench.scenarios.child FOLDER`` reads a `Job` from stdin, writes `Message`s to stdout and the
generator's logs to the folder. It ends when stdin does.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from threading import Thread
from typing import BinaryIO, Final

import msgspec

from accel_bench.plans.prepare import prepare
from accel_bench.records.environment import peak_rss_bytes
from accel_bench.records.scenario import Load, Query, Scenario, ScenarioRun
from accel_bench.scenarios import loadgen
from accel_bench.scenarios.process import Failed, Finished, Job, Message, Progress
from accel_bench.scenarios.system import Batcher, Samples, serve
from accel_runtime.backends import make_backend
from accel_runtime.errors import AccelError
from accel_runtime.pipeline import open_bundle

# A server's default rate of queries, as a share of the throughput of single images.
AUTO_SHARE: Final = 0.7
_ALONE: Final = 3


def main() -> None:
    """Do the job that stdin brings."""
    with os.fdopen(os.dup(1), "wb") as answers:
        # The load generator prints to stdout, where only our answers belong.
        os.dup2(2, 1)
        job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
        Thread(target=_end_with_stdin, daemon=True).start()
        try:
            for message in work(job, folder=Path(sys.argv[1])):
                _say(answers, message)
        except AccelError as error:
            _say(answers, Failed(str(error), error.exit_code))
            # A load generator that still waits for answers would keep the process alive.
            os._exit(error.exit_code)


def work(job: Job, *, folder: Path) -> Iterator[Message]:
    """Do a job, yielding the progress after every batch and the result last.

    Raises:
        AccelError: The job failed; the load generator may still be waiting for answers.
    """
    pipeline = open_bundle(
        job.bundle, make_backend(job.provider, threads=job.threads, options=job.options), verification="sizes"
    )
    prepared = prepare(pipeline, [job.spec], settings=job.settings)[-1]
    samples = Samples(pipeline, prepared.plan, prepared.warm_up, job.prompts, job.settings.seed)
    warm_up_s = {str(batch): samples.warm_up(batch) for batch in sorted({1, job.load.batch})}
    alone_s = tuple(samples.draw([index % len(job.prompts)]) for index in range(_ALONE))
    load = _with_rate(job.load, image_s=median(alone_s))
    queries: list[Query] = []
    for batch in under_load(samples, load, image_s=median(alone_s), folder=folder):
        queries += batch
        yield Progress(len(queries))
    run = ScenarioRun(
        facts=prepared.facts,
        load=load,
        warm_up_s=warm_up_s,
        alone_s=alone_s,
        queries=tuple(queries),
        results=loadgen.read_results(folder),
        summary=(folder / loadgen.SUMMARY).read_text(),
        peak_rss_bytes=peak_rss_bytes(),
    )
    yield Finished(run, pipeline.backend.describe())


def under_load(samples: Samples, load: Load, *, image_s: float, folder: Path) -> Iterator[tuple[Query, ...]]:
    """Let the load generator ask on a thread of its own and draw on this one, yielding each batch."""
    batcher = Batcher(load.batch)
    count = len(samples.prompts)

    def ask() -> None:
        try:
            loadgen.ask(load, batcher.add, samples=count, image_s=image_s, folder=folder)
        finally:
            batcher.close()

    # As a daemon, the thread does not outlive a failure here.
    asking = Thread(target=ask, daemon=True)
    asking.start()
    yield from serve(batcher, draw=samples.draw, answer=loadgen.answer)
    asking.join()


def _with_rate(load: Load, *, image_s: float) -> Load:
    if load.scenario is not Scenario.SERVER or load.qps is not None:
        return load
    return msgspec.structs.replace(load, qps=AUTO_SHARE / image_s)


def _say(answers: BinaryIO, message: Message) -> None:
    answers.write(msgspec.json.encode(message) + b"\n")
    answers.flush()


def _end_with_stdin() -> None:
    """End this process once whoever gave the job is gone."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
