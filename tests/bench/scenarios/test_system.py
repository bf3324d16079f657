"""What waits is drawn once, in batches that never exceed their maximum."""

from collections import Counter
from collections.abc import Sequence
from threading import Thread
from time import sleep

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_bench.records.scenario import Query
from accel_bench.scenarios.system import Batcher, serve


@settings(max_examples=30, deadline=None)
@given(arrivals=st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=9), max_size=12), batch=st.integers(1, 5))
def test_every_sample_is_answered_once_in_batches_of_at_most_the_maximum(arrivals: list[list[int]], batch: int) -> None:
    batcher = Batcher(batch)
    drawn: list[Sequence[int]] = []
    answered: list[int] = []
    expected = [(key, sample) for key, sample in enumerate(sample for query in arrivals for sample in query)]

    def arrive() -> None:
        waiting = iter(expected)
        for query in arrivals:
            batcher.add([next(waiting) for _ in query])
        batcher.close()

    asking = Thread(target=arrive)
    asking.start()
    batches = list(serve(batcher, draw=drawn.append, answer=answered.extend))
    asking.join()

    assert answered == [key for key, _ in expected]
    assert [sample for samples in drawn for sample in samples] == [sample for _, sample in expected]
    assert all(1 <= len(queries) <= batch for queries in batches)
    assert Counter(query.batch for queries in batches for query in queries) == Counter(
        {number: len(queries) for number, queries in enumerate(batches)}
    )
    assert all(0 <= q.asked_s <= q.begun_s <= q.ended_s for queries in batches for q in queries)


def test_samples_that_come_together_fill_the_first_batch() -> None:
    batcher = Batcher(4)
    drawn: list[Sequence[int]] = []
    batcher.add([(key, key) for key in range(6)])
    batcher.close()
    list(serve(batcher, draw=drawn.append, answer=lambda _keys: None))

    assert drawn == [[0, 1, 2, 3], [4, 5]]


def test_several_workers_share_what_waits_and_no_batch_has_two_numbers() -> None:
    batcher = Batcher(2)
    batcher.add([(key, key) for key in range(40)])
    batcher.close()
    answered: list[int] = []
    queries: list[Query] = []

    def work(worker: int) -> None:
        for batch in serve(batcher, draw=lambda _samples: sleep(0), answer=answered.extend, worker=worker):
            queries.extend(batch)

    workers = [Thread(target=work, args=(number,)) for number in range(3)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()

    assert sorted(answered) == list(range(40))
    assert Counter(query.batch for query in queries) == Counter(dict.fromkeys(range(20), 2))
    assert len({(query.batch, query.worker) for query in queries}) == 20


def test_nothing_is_answered_that_could_not_be_drawn() -> None:
    def fail(samples: Sequence[int]) -> None:
        if 2 in samples:
            raise ValueError("no picture")

    batcher = Batcher(1)
    answered: list[int] = []
    batcher.add([(10, 1), (20, 2), (30, 3)])
    with pytest.raises(ValueError, match="no picture"):
        list(serve(batcher, draw=fail, answer=answered.extend))

    assert answered == [10]
