"""Kinds of the rows of a manifest."""

STREAM_KINDS = ("egemapsv2", "w2vbert2", "clip", "openface2", "openpose")
SIGNAL_KINDS = ("eeg", "eog", "emg", "ecg", "gsr")
ALIGNED_KINDS = ("aligned_text", "aligned_audio", "aligned_vision", "aligned_glove")  # to the words
UNALIGNED_KINDS = ("unaligned_text", "unaligned_audio", "unaligned_vision")
SUPPLIED_KINDS = (*ALIGNED_KINDS, *UNALIGNED_KINDS, "tokens")  # arrays of all clips in a pickle
CSD_KINDS = ("csd_glove", "csd_covarep", "csd_facet", "csd_openface2")  # of whole videos in HDF5
TRANSCRIPT = "transcript"  # what is said in a clip: a line of the table of labels
SENTIMENT = "sentiment"  # the label of a clip
ITEM_LABEL = "item_label"  # the labels of a recording as a whole, in a table
TEXT = "text"  # what is said in a recording: a text file
LABEL_KINDS = ("annotation", "ratings", SENTIMENT, ITEM_LABEL)
TEST_LABELS = "annotation of test parts"  # a kind in shards.json alone
CROPS = "crops"  # of folders of pictures
FRAME_LIST = "frame_list"  # of frames that the owner wants an answer for
KINDS = ("video", "audio", CROPS, FRAME_LIST, "annotation", *STREAM_KINDS, *SIGNAL_KINDS, "ratings",
         TRANSCRIPT, *SUPPLIED_KINDS, *CSD_KINDS, SENTIMENT, TEXT, ITEM_LABEL)  # fmt: skip
