"""Which videos the demo of Aff-Wild2 holds, who is in them, and which specimens of faults lie where.

Names, folders and faults are those of the distributed corpus; there are fewer and shorter videos, at a lower rate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from affectssm.errors import ConfigError

FPS = 10
# what lies in a specimen -> its fault code and the stream that has it
KINDS = {
    "invalid_runs": ("label_invalid", "annotation"),
    "above_one": ("label_out_of_range", "annotation"),
    "columns_swapped": ("label_header", "annotation"),
    "hundreds_more": ("label_rows_differ", "annotation"),
    "one_more": ("label_rows_differ", "annotation"),
    "two_fewer": ("label_rows_differ", "annotation"),
    "gaps": ("picture_gaps", "crops"),
    "other_file": ("stray_file", "crops"),
    "no_picture": ("crop_unusable", "crops"),
    "no_crops": ("missing_stream", "crops"),
    "no_video": ("no_raw_media", "video"),
    "two_people": ("shared_video", "video"),
    "expressions": ("label_other_challenge", "annotation"),
    "action_units": ("label_other_challenge", "annotation"),
    "no_pictures": ("no_pictures", "crops"),
    "no_files": ("listed_without_files", ""),
    "twice": ("duplicate_recording", ""),
    "blank_lines": ("test_list_lines", ""),
    "list_alone": ("test_list_differs", ""),
    "unlisted": ("unlisted_media", "video"),
    "name_alone": ("rate_from_name", "crops"),
}
OF_ALL = frozenset(
    {"one_more", "two_fewer", "blank_lines", "unlisted", "name_alone"}
)  # told once for the corpus


@dataclass(frozen=True)
class Video:
    """A video with what was planted.

    Attributes:
        name: of the file; ``place`` is its path below the root, "" where there is no file.
        split: train, val or test.
        people: their names without the video's.
        seconds: its length.
        sound: whether it has sound.
        specimens: what is odd about it; about the second person's files where there are two.
        cropped: the folder of folders of pictures.
    """

    name: str
    split: str
    place: str
    seconds: int
    people: tuple[str, ...] = ("",)
    sound: bool = False
    specimens: tuple[str, ...] = ()
    cropped: str = "cropped_aligned"

    @property
    def frames(self) -> int:
        """Pictures of the video."""
        return self.seconds * FPS

    @property
    def persons(self) -> tuple[str, ...]:
        """The owner's names of the people."""
        return tuple(self.name + side for side in self.people)

    def has(self, person: str, kind: str) -> bool:
        """Whether a person's files are a specimen of this."""
        return kind in self.specimens and person == self.persons[-1]


@dataclass(frozen=True)
class Layout:
    """An edition.

    Attributes:
        videos: those with what was planted.
        bad: name -> kind of the specimens without a video, all of train.
        annotations: folder of the annotations' sets, and how the training set's is called.
    """

    videos: tuple[Video, ...]
    bad: dict[str, str]
    annotations: tuple[str, str]


_LEFT_RIGHT, _RIGHT = ("_left", "_right"), ("", "_right")
_NEW_CROPS = "cropped_aligned_new_50_vids"
_DEMO = (
    Video("video1", "train", "batch1/video1.mp4", 40, sound=True, specimens=("above_one", "one_more")),
    Video("video10", "train", "batch1/video10.mp4", 40, specimens=("gaps",)),
    Video(
        "video10_1", "train", "batch1/video10_1.avi", 40, _LEFT_RIGHT, sound=True,
        specimens=("invalid_runs", "gaps", "two_people"),
    ),
    Video("135", "train", "batch2/135.avi", 40, specimens=("columns_swapped",), cropped=_NEW_CROPS),
    Video("86-10-320x240", "train", "new_vids/86-10-320x240.mp4", 40, specimens=("invalid_runs", "two_fewer")),
    Video("122-10-320x240-1", "train", "", 40, specimens=("no_video", "gaps", "name_alone"), cropped=_NEW_CROPS),
    Video("video8", "train", "batch2/video8.mp4", 40, sound=True, specimens=("other_file", "no_picture")),
    Video("video40", "train", "batch1/video40.mp4", 10, specimens=("hundreds_more",)),
    Video("video59", "val", "batch1/video59.mp4", 40, _RIGHT, sound=True, specimens=("invalid_runs", "two_people")),
    Video("video20", "val", "batch2/video20.mp4", 40, specimens=("gaps",)),
    Video("56-10-320x240", "val", "batch2/56-10-320x240.avi", 40, sound=True, specimens=("one_more",)),
    Video("video21", "val", "batch1/video21.mp4", 40),
    Video("video22", "val", "new_vids/video22.mp4", 40, sound=True),
    Video("9-10-320x240", "val", "batch1/9-10-320x240.mp4", 40),
    Video("video70", "test", "batch1/video70.mp4", 40, sound=True, specimens=("gaps",)),
    Video("video71", "test", "new_vids/video71.mp4", 20, specimens=("no_crops",)),
)  # fmt: skip
_BAD = {
    "video30": "expressions",
    "video31": "action_units",
    "video32": "no_pictures",
    "video33": "no_files",
    "video34": "twice",
}
_TINY = (
    Video("video1", "train", "batch1/video1.mp4", 12, specimens=("one_more",)),
    # the one that selects epochs: two people, so that they can exchange labels
    Video("video74", "train", "batch1/video74.avi", 12, _LEFT_RIGHT, specimens=("gaps", "two_people")),
    Video("135", "train", "new_vids/135.mp4", 12, sound=True, cropped=_NEW_CROPS),
    Video("86-10-320x240", "train", "", 12, specimens=("no_video", "invalid_runs", "name_alone")),
    Video("video20", "val", "batch2/video20.mp4", 12, specimens=("invalid_runs",)),
    Video("video21", "val", "batch2/video21.mp4", 12),
    Video("video70", "test", "batch1/video70.mp4", 10, specimens=("gaps",)),
)
_LAYOUTS = {
    "affwild2": Layout(_DEMO, _BAD, ("8th ABAW Annotations/VA_Estimation_Challenge", "Train_Set")),
    "affwild2-tiny": Layout(_TINY, {"video30": "expressions"}, ("annotations/VA_Set", "Training_Set")),
}


def layout(edition: str) -> Layout:
    """Return the layout of an edition.

    Raises:
        ConfigError: if there is no such edition.
    """
    if edition not in _LAYOUTS:
        raise ConfigError(
            "edition of the demo of Aff-Wild2", repr(edition), f"one of {', '.join(_LAYOUTS)}",
            "name one of these, or give the folder of the real corpus",
        )  # fmt: skip
    return replace(_LAYOUTS[edition])


def specimens(found: Layout) -> list[tuple[str, str, str, str, str]]:
    """Return (recording, participant, stream, kind, fault code) of every specimen; no names of what is told once."""
    rows = [("", "", "", kind) for kind in ("blank_lines", "unlisted")]
    rows += [("video72", "video72", "", kind) for kind in ("list_alone", "no_files")]
    for video in found.videos:
        for kind in video.specimens:
            rows.append((video.name, "" if kind == "two_people" else video.persons[-1], "", kind))
    rows += [(name, "" if kind == "twice" else name, "", kind) for name, kind in found.bad.items()]
    told = [("", "", kind) if kind in OF_ALL else (name, person, kind) for name, person, _, kind in rows]
    return sorted({(name, person, KINDS[kind][1], kind, KINDS[kind][0]) for name, person, kind in told})
