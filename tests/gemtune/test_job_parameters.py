"""gemtune.job_parameters: what a pipeline job was given."""

from gemtune.job_parameters import parameters_of


def test_whole_numbers_come_back_whole_and_defaults_are_filled_in() -> None:
    types = {"epoch_count": "NUMBER_INTEGER", "sample_seed": "NUMBER_INTEGER", "top_p": "NUMBER_DOUBLE"}
    definitions = {name: {"parameterType": kind, "defaultValue": 0.0} for name, kind in types.items()}
    pipeline = {"root": {"inputDefinitions": {"parameters": definitions}}}
    job = {"pipelineSpec": pipeline, "runtimeConfig": {"parameterValues": {"epoch_count": 3.0, "top_p": 1.0}}}
    found = parameters_of(job)
    assert repr(found) == "{'epoch_count': 3, 'sample_seed': 0, 'top_p': 1.0}"
