"""Kinds of the rows of a manifest."""

STREAM_KINDS = ("egemapsv2", "w2vbert2", "clip", "openface2", "openpose")
SIGNAL_KINDS = ("eeg", "eog", "emg", "ecg", "gsr")
LABEL_KINDS = ("annotation", "ratings")
TEST_LABELS = "annotation of test parts"  # a kind in shards.json alone
KINDS = ("video", "audio", "crops", "annotation", *STREAM_KINDS, *SIGNAL_KINDS, "ratings")
