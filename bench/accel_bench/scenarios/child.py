"""The process that draws under load: MLPerf's load generator can only be stopped together with its process.

``python -m accel_bench.scenarios.child FOLDER`` reads a `Job` from stdin, writes `Message`s to stdout and the
generator's logs to the folder. It ends when stdin does.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from statistics import median
from threading import Thread
from typing import BinaryIO, Final

import msgspec

from accel_bench.records.environment import peak_rss_bytes
from accel_bench.records.scenario import Load, Query, Scenario, ScenarioRun
from accel_bench.scenarios import loadgen
from accel_bench.scenarios.process import Failed, Finished, Job, Message, Progress, Told
from accel_bench.scenarios.sampling import Turn
from accel_bench.scenarios.system import Batcher, serve
from accel_bench.scenarios.team import Draw, Team, open_team
from accel_runtime.errors import AccelError

# A server's default rate of queries, as a share of the throughput of single images on all workers.
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
            with open_team(job, tell=lambda text: _say(answers, Told(text))) as team:
                for message in work(job, team, folder=Path(sys.argv[1])):
                    _say(answers, message)
        except AccelError as error:
            _say(answers, Failed(str(error), error.exit_code))
            # A load generator that still waits for answers would keep the process alive.
            os._exit(error.exit_code)


def work(job: Job, team: Team, *, folder: Path) -> Iterator[Message]:
    """Let a team do a job, yielding the progress after every batch and the result last.

    Raises:
        AccelError: The job failed; the load generator may still be waiting for answers.
    """
    count = len(job.prompts)
    sizes = {size: Turn(tuple(at % count for at in range(size)), warm_up=True) for size in {1, job.load.batch}}
    warm_up_s = {str(size): max(draw(turn) for draw in team.draws) for size, turn in sorted(sizes.items())}
    alone_s = tuple(team.draws[0](Turn((index % count,))) for index in range(_ALONE))
    image_s = median(alone_s) / len(team.draws)
    load = msgspec.structs.replace(_with_rate(job.load, image_s=image_s), workers=len(team.nodes) or None)
    queries: list[Query] = []
    for batch in under_load(team.draws, load, samples=count, image_s=image_s, folder=folder):
        queries += batch
        yield Progress(len(queries))
    run = ScenarioRun(
        facts=job.facts,
        load=load,
        warm_up_s=warm_up_s,
        alone_s=alone_s,
        queries=tuple(queries),
        results=loadgen.read_results(folder),
        summary=(folder / loadgen.SUMMARY).read_text(),
        peak_rss_bytes=peak_rss_bytes(),
        nodes=team.nodes,
    )
    yield Finished(run, team.ran)


def under_load(
    draws: Sequence[Draw], load: Load, *, samples: int, image_s: float, folder: Path
) -> Iterator[tuple[Query, ...]]:
    """Let the load generator ask and each worker draw, each on a thread of its own, yielding each batch.

    Args:
        draws: What lets each worker do a turn.
        load: The load.
        samples: Number of samples to choose from.
        image_s: Seconds that all workers together take for an image.
        folder: Folder for the load generator's logs.
    """
    batcher = Batcher(load.batch)
    done: SimpleQueue[tuple[Query, ...] | Exception | None] = SimpleQueue()

    def ask() -> None:
        try:
            loadgen.ask(load, batcher.add, samples=samples, image_s=image_s, folder=folder)
        finally:
            batcher.close()

    def draw(worker: int) -> None:
        try:
            for queries in serve(batcher, draw=partial(_draw, draws[worker]), answer=loadgen.answer, worker=worker):
                done.put(queries)
            done.put(None)
        except Exception as error:  # noqa: BLE001  # raised where batches are read
            done.put(error)

    # As daemons, the threads do not outlive a failure here.
    asking = Thread(target=ask, daemon=True)
    asking.start()
    for worker in range(len(draws)):
        Thread(target=draw, args=(worker,), daemon=True).start()
    yield from _drawn(done, workers=len(draws))
    asking.join()


def _draw(draw: Draw, samples: Sequence[int]) -> float:
    return draw(Turn(tuple(samples)))


def _drawn(done: "SimpleQueue[tuple[Query, ...] | Exception | None]", *, workers: int) -> Iterator[tuple[Query, ...]]:
    """What workers put into a queue, until each of them has put None."""
    while workers:
        match done.get():
            case None:
                workers -= 1
            case Exception() as error:
                raise error
            case queries:
                yield queries


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
