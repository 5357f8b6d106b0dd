"""Facts of published data sets that downloading and training share."""

PHOTOGRAPHS = {  # sets in one archive, and how often training takes each
    "fss": 1,
    "DUTS-TR": 1,
    "DUTS-TE": 1,
    "ecssd": 1,
    "BIG_small": 5,
    "HRSOD_small": 5,
}
YOUTUBE_DAMAGED = frozenset(  # videos of the 2019 training set that are damaged as published
    {"01e64dd36a", "04259896e2", "1336440745", "5bc77844da", "5ee23ca60e", "738e5a0a14", "f8af30d4b6"}
)
