import pytest

from emulator.errors import ApiError
from emulator.pipeline_filter import masked, matches

JOB = {
    "displayName": "nightly",
    "scheduleName": "projects/1/locations/l/schedules/2",
    "createTime": "2026-11-21T08:00:00.000000Z",
    "labels": {"gemtune-spec": "abc"},
    "pipelineSpec": {"pipelineInfo": {"name": "tuning"}, "root": {}},
}


@pytest.mark.parametrize(
    "text",
    [
        "",
        'display_name="nightly"',
        "schedule_name=projects/1/locations/l/schedules/2 AND labels.gemtune-spec=abc",
        "labels.gemtune-spec:*",
        'create_time > "2026-11-20T00:00:00Z" AND create_time<="2026-11-22T00:00:00Z"',
        "pipeline_spec.pipeline_info.name!=other",
    ],
)
def test_a_job_passes_a_filter_that_holds(text: str) -> None:
    assert matches(JOB, text)


@pytest.mark.parametrize(
    "text", ["display_name=daily", "labels.other:*", 'display_name="nightly" AND labels.gemtune-spec=x']
)
def test_a_job_does_not_pass_a_filter_that_does_not_hold(text: str) -> None:
    assert not matches(JOB, text)


@pytest.mark.parametrize("text", ["nightly", "display_name=a OR display_name=b", "NOT display_name=a"])
def test_a_filter_that_is_not_served_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match="Invalid filter"):
        matches(JOB, text)


def test_a_read_mask_keeps_the_fields_it_names() -> None:
    kept = masked(JOB, "display_name,pipeline_spec.pipeline_info,end_time")
    assert kept == {"displayName": "nightly", "pipelineSpec": {"pipelineInfo": {"name": "tuning"}}}
