"""The service's log: nobody waits for its reader."""

import logging
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event

import httpx
from tests.serve.conftest import wait_until_ready

from accel_serve.http.log import Log

# Bytes of the smallest pipe: two lines of the log.
_ROOM = 4096
_LONG_S = 60


def test_lines_that_find_no_room_are_dropped_counted_and_told() -> None:
    reads, writes, written, dropped = Event(), Event(), list[str](), list[None]()

    def write(line: str) -> None:
        writes.set()
        assert reads.wait(60)
        written.append(line)

    with Log(write, dropped=lambda: dropped.append(None), most_waiting=3) as log:
        log("first")
        assert writes.wait(60)  # it is being written, and three have room behind it
        for number in range(10):
            log(str(number))
        reads.set()

    assert len(dropped) == 7
    assert [written[0], *written[2:]] == ["first", "0", "1", "2"]
    assert "7 lines" in written[1]


def test_tracebacks_of_libraries_come_line_by_line_and_only_while_the_service_runs() -> None:
    written: list[str] = []
    with Log(written.append, dropped=lambda: None) as log:
        log("said")
        try:
            int("of a library")
        except ValueError:
            logging.getLogger("uvicorn.error").exception("it failed")
    handlers = [type(each).__module__ for each in logging.getLogger().handlers]

    assert written[:3] == ["said", "it failed", "Traceback (most recent call last):"]
    assert written[-1].startswith("ValueError: ")
    assert "accel_serve.http.log" not in handlers


def test_a_log_that_nobody_reads_stops_neither_requests_nor_the_end(served_folder: Path) -> None:
    options = ["--port", "0", "--trust-files", "--mode", "singles", "--log-prompts"]
    command = [sys.executable, "-m", "accel_bench", "serve", str(served_folder), *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, pipesize=_ROOM)
    assert process.stderr is not None
    try:
        line = next(line for line in process.stderr if "listening on" in line)
        address = line.split()[-1]
        wait_until_ready(address)
        body = {"prompt": "word " * 500, "num_inference_steps": 1, "size": "2x2"}
        statuses = {
            httpx.post(f"{address}/v1/images/generations", json=body, timeout=_LONG_S).status_code for _ in range(6)
        }
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=_LONG_S)
    finally:
        process.kill()
        process.stderr.close()

    assert (statuses, code) == ({200}, 0)
