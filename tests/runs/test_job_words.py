"""What a job that failed says itself."""

from affectssm.errors import DataError
from affectssm.runs.job_words import words_of_job

ERROR = DataError("x.csv", "found 1\nand 2", "expected 3", "remedy 4")


def test_a_job_says_its_error_and_nothing_of_what_came_before_it(tmp_path):
    log = tmp_path / "job.log"
    log.write_text(
        f"12:00:00 begun\naffectssm extract: an older\n  found: y\nmore\naffectssm extract: {ERROR}\n"
    )
    assert words_of_job("extract", [str(log)]) == f"affectssm extract: {ERROR}\n  log:      {log}"


def test_a_job_that_died_otherwise_says_its_last_line_or_where_to_look(tmp_path):
    log = tmp_path / "job.log"
    log.write_text("Traceback (most recent call last):\n  File x\nMemoryError: none left\n\n")
    assert words_of_job("train", [str(log)]) == f"train ended with: MemoryError: none left\n  log:      {log}"
    several = words_of_job("train", [str(log)], lines=2)
    assert several == f"train ended with:\n    File x\n  MemoryError: none left\n  log:      {log}"
    assert "what Snakemake says" in words_of_job("train", [str(tmp_path / "absent.log")])
    assert "what Snakemake says" in words_of_job("train", [])
