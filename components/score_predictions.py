"""Steps 4 and 8: score one model's answers against the references."""

from kfp.dsl import ClassificationMetrics, Dataset, Input, Metrics, Output

from components import component


@component("google-cloud-storage", "rouge-score", "sacrebleu")
def score_predictions(
    *,
    project: str,
    bucket: str,
    task: str,
    rouge_profile: str,
    max_unscored_share: float,
    side: str,
    job_id: str,
    test: Input[Dataset],
    predictions: Input[Dataset],
    scores: Output[Dataset],
    metrics: Output[Metrics],
    confusion: Output[ClassificationMetrics],
):
    """Score every answer against its reference; an answer that failed on the way is counted, never scored 0.

    Args:
        project: Google Cloud project id.
        bucket: Cloud Storage bucket of the pipeline.
        task: What the model does, which decides the metrics: summarization, classification, extractive_qa,
            translation, chat or json.
        rouge_profile: How text is cut into words: rouge-score, unicode-1, or auto.
        max_unscored_share: Largest share of requests that may have failed, 0 to 1.
        side: baseline or tuned; names the step in messages.
        job_id: Id of the pipeline job, for the report of a failure.
        test: The test split.
        predictions: One model's answers to it.

    Returns:
        scores: JSONL, one line for each example: status, cause, metrics, counts.
        metrics: Figure of every metric, with the number of examples behind it, and counts of examples by status.
        confusion: Confusion matrix, for the task classification; empty for the others.

    Raises:
        ComparisonError: Too many requests failed for a fair score.
    """
    from collections import Counter
    from pathlib import Path

    from gemtune.comparison.measurements import measure
    from gemtune.metrics.corpus import confusion_matrix
    from gemtune.metrics.definitions import metrics_of
    from gemtune.metrics.scoring import check_unscored, score
    from gemtune.records import read_records, write_records
    from gemtune.step import step

    with step(f"{side.capitalize()}: score", project=project, bucket=bucket, job_id=job_id):
        scored, signature = score(
            list(read_records(Path(test.path))),
            list(read_records(Path(predictions.path))),
            task=task,
            rouge_profile=rouge_profile,
        )
        write_records(Path(scores.path), scored)
        scores.metadata["task"] = task
        scores.metadata["signature"] = metrics.metadata["signature"] = signature
        measured = [measure(metric, scored) for metric in metrics_of(task).values()]
        metrics.metadata["measured"] = [each.record for each in measured]
        for each in measured:
            if each.value is not None:
                metrics.log_metric(each.metric.name, each.value)
        for status, count in Counter(each["status"] for each in scored).items():
            metrics.log_metric(status, count)
        if task == "classification":
            answered = [each["counts"] for each in scored if each["status"] != "unscored"]
            confusion.log_confusion_matrix(*confusion_matrix(answered))
        check_unscored(scored, max_unscored_share)
