import pytest
from google.cloud.storage import Bucket


def put(bucket: Bucket, *names: str) -> None:
    for name in names:
        bucket.blob(name).upload_from_string(name)


def test_pages_hold_what_was_asked_for(bucket: Bucket) -> None:
    put(bucket, *[f"{number:02d}" for number in range(12)])
    pages = [[blob.name for blob in page] for page in bucket.list_blobs(page_size=5).pages]
    assert pages == [["00", "01", "02", "03", "04"], ["05", "06", "07", "08", "09"], ["10", "11"]]
    assert [blob.name for blob in bucket.list_blobs(max_results=3)] == ["00", "01", "02"]
    assert [blob.name for blob in bucket.list_blobs(start_offset="03", end_offset="05")] == ["03", "04"]


def test_a_delimiter_folds_names_into_prefixes(bucket: Bucket) -> None:
    put(bucket, "a", "a/1", "a/2", "b/x/1", "b/x/2", "b/y", "c")
    listing = bucket.list_blobs(delimiter="/")
    assert [blob.name for blob in listing] == ["a", "c"]
    assert listing.prefixes == {"a/", "b/"}
    inner = bucket.list_blobs(prefix="b/", delimiter="/", page_size=1)
    assert [[blob.name for blob in page] for page in inner.pages] == [[], ["b/y"]]
    assert inner.prefixes == {"b/x/"}


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("*.json", ["1.json"]),
        ("**.json", ["1.json", "a/2.json", "a/b/3.json"]),
        ("a/*", ["a/2.json", "a/x,y"]),
        ("a/**/?.json", ["a/b/3.json"]),
        ("{1,a/2}.json", ["1.json", "a/2.json"]),
        ("a/x,y", ["a/x,y"]),
        ("[0-9].json", ["1.json"]),
        ("[!1].json", []),
    ],
)
def test_a_glob_selects_objects(bucket: Bucket, glob: str, expected: list[str]) -> None:
    put(bucket, "1.json", "a/2.json", "a/b/3.json", "a/x,y")
    assert [blob.name for blob in bucket.list_blobs(match_glob=glob)] == expected
