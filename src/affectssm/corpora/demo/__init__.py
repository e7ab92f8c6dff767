"""Small corpora in the owners' formats, with planted truth and planted faults."""
