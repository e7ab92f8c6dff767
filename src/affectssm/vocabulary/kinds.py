"""Kinds of the rows of a manifest."""

STREAM_KINDS = ("egemapsv2", "w2vbert2", "clip", "openface2", "openpose")
SIGNAL_KINDS = ("eeg", "eog", "emg", "ecg", "gsr")
LABEL_KINDS = ("annotation", "ratings")
TEST_LABELS = "annotation of test parts"  # a kind in shards.json alone
CROPS = "crops"  # of folders of pictures
FRAME_LIST = "frame_list"  # of frames that the owner wants an answer for
KINDS = ("video", "audio", CROPS, FRAME_LIST, "annotation", *STREAM_KINDS, *SIGNAL_KINDS, "ratings")
