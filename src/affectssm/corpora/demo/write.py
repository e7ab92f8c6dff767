"""Writes the demo corpora: small recordings in the owners' own formats, made again to the same bytes.

Below ``out``: ``noxi/`` and ``mpiigi/`` as the owners lay them out, ``ground_truth/`` with the test labels
(absent where they are withheld), ``truth/`` with what was planted, and ``card.json`` with the hash of every
file.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from affectssm.corpora.demo import dialogue_sessions, texts, truth
from affectssm.corpora.demo.dialogue_sessions import Session
from affectssm.corpora.demo.whole import write_card, written_whole
from affectssm.corpora.demo.world import World

PROCESSES = 2  # how many write at a time; the bytes do not depend on it
WORTH_PROCESSES_S = 200.0  # seconds of participants below which starting processes takes longer
CONTENT = {"noxi", "mpiigi", "ground_truth", "truth", "card.json"}
GROUND_TRUTH_FOLDERS = {"noxi": "noxi", "mpiigi": "mpiigroupinteraction"}


def write_demo(edition: str, out: Path) -> None:
    """Write an edition of the demo corpora as the folder ``out``, whole or not at all.

    An earlier edition at ``out`` is replaced once the new one is complete.

    Raises:
        ConfigError: if there is no such edition.
        DataError: if ``out`` holds something else, or cannot be written.
    """
    recordings = dialogue_sessions.sessions(edition)
    with written_whole(Path(out), CONTENT) as folder:
        _write_all(edition, recordings, folder)


def _write_all(edition: str, recordings: tuple[Session, ...], out: Path) -> None:
    from affectssm.corpora.demo.session import write_empty_seat, write_surroundings

    worlds = {session.key: truth.session_world(session) for session in recordings}
    for session in recordings:
        write_surroundings(session, out)
        for participant, kind in session.specimens:
            if kind == "visual_only":
                write_empty_seat(session, participant, out)
    _write_seats(recordings, worlds, out)
    if not dialogue_sessions.withheld(edition):
        _write_test_labels(recordings, worlds, out / "ground_truth")
    truth.write_truth(edition, recordings, worlds, out / "truth")
    write_card(out, edition)


def _write_seats(recordings: tuple[Session, ...], worlds: dict[str, World], out: Path) -> None:
    from affectssm.corpora.demo.session import write_seat

    longest_first = sorted(recordings, key=lambda session: -session.seconds)
    jobs = [(session, seat, worlds[session.key], out) for session in longest_first for seat in session.seats]
    if sum(session.seconds for session, *_ in jobs) < WORTH_PROCESSES_S:
        for job in jobs:
            write_seat(*job)
    else:
        # spawned, not forked: codecs and OpenCV keep threads that do not survive a fork
        with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
            for done in [pool.submit(write_seat, *job) for job in jobs]:
                done.result()


def _write_test_labels(recordings: tuple[Session, ...], worlds: dict[str, World], out: Path) -> None:
    for session in recordings:
        if session.is_test:
            folder = out / GROUND_TRUTH_FOLDERS[session.folder] / session.split / session.name
            for seat, engagement in worlds[session.key].engagement.items():
                texts.write_labels(folder / f"{seat}.engagement.annotation.csv", engagement, session, seat)
