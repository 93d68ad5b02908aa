"""Step 9: decide whether the tuned model is better, and show it."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Markdown, Metrics, Output

from components import component


@component("google-cloud-storage", "jinja2", "matplotlib", "numpy", "scipy")
def compare_models(
    *,
    project: str,
    bucket: str,
    name: str,
    primary_metric: str,
    minimum_improvement: float,
    guard_metrics: dict,
    max_truncated_share: float,
    max_blocked_share: float,
    max_unscored_share: float,
    catalog_overrides: dict,
    job_resource_name: str,
    train_uri: str,
    validation_uri: str,
    test_uri: str,
    test: Input[Dataset],
    ledger: Input[Artifact],
    cost_estimate: Input[Artifact],
    tuning_job: Input[Artifact] = None,
    curves: Input[Dataset] = None,
    selection: Input[Artifact] = None,
    baseline_predictions: Input[Dataset],
    baseline_scores: Input[Dataset],
    tuned_predictions: Input[Dataset],
    tuned_scores: Input[Dataset],
    comparison: Output[Artifact],
    report: Output[HTML],
    model_card: Output[Markdown],
    score_plot: Output[Artifact],
    difference_plot: Output[Artifact],
    curve_plot: Output[Artifact],
    metrics: Output[Metrics],
) -> str:
    """Compare both models on the same examples, with the interval of the difference, and decide: promote or hold.

    Args:
        project: Google Cloud project id.
        bucket: Cloud Storage bucket of the pipeline; the report is also kept under gemtune/runs.
        name: Name of the tuning spec.
        primary_metric: The one metric that decides.
        minimum_improvement: Smallest gain worth promoting; the interval's low end must reach it.
        guard_metrics: Metrics that must not get worse, each with the loss it is allowed.
        max_truncated_share: Largest share of answers cut off by the token limit for a fair comparison.
        max_blocked_share: Largest share of blocked, and of empty, answers for a fair comparison.
        max_unscored_share: Largest share of unscored examples for a fair comparison.
        catalog_overrides: Entries of the model catalogue to change, by model id.
        job_resource_name: The pipeline job, to record its parameters.
        train_uri: The training split, under a name made of its content.
        validation_uri: The validation split likewise; empty when there is none.
        test_uri: The test split likewise.
        test: The test split.
        ledger: The account of every example.
        cost_estimate: What the run was expected to cost.
        tuning_job: The finished tuning job; none where nothing was tuned.
        curves: Loss and accuracy by step; likewise.
        selection: The checkpoint that is compared, and why it was chosen; likewise.
        baseline_predictions: Answers of the baseline.
        baseline_scores: Scores of the baseline.
        tuned_predictions: Answers of the tuned model.
        tuned_scores: Scores of the tuned model.

    Returns:
        comparison: JSON with verdict, decision, every number and where it comes from.
        report: One HTML page that shows all of it; opens without a network.
        model_card: The tuned model in one page of Markdown.
        score_plot: PNG: distribution of each metric, baseline beside tuned.
        difference_plot: PNG: difference of each metric with its interval.
        curve_plot: PNG: loss and accuracy while tuning.
        metrics: Baseline, tuned and difference of every metric.
        Output: The decision: promote or hold.

    Raises:
        ComparisonError: The two sides did not answer the same examples.
    """
    import json
    from pathlib import Path

    from gemtune import catalog as catalogs
    from gemtune.comparison.champion import replacement_notices
    from gemtune.comparison.decision import Limits
    from gemtune.comparison.document import build
    from gemtune.comparison.sides import Side
    from gemtune.job_parameters import read_parameters
    from gemtune.metrics.definitions import TASKS
    from gemtune.records import read_records
    from gemtune.report.curves import curve_figure
    from gemtune.report.examples import example_rows
    from gemtune.report.model_card import render as render_card
    from gemtune.report.page import object_of, render
    from gemtune.report.plots import difference_figure, report_figures, score_figure, to_png
    from gemtune.step import step
    from gemtune.storage import Storage

    job_id = job_resource_name.rpartition("/")[2]
    splits = {"train": train_uri, "validation": validation_uri, "test": test_uri}
    with step("Comparison", project=project, bucket=bucket, job_id=job_id):
        examples = list(read_records(Path(test.path)))
        points = list(read_records(Path(curves.path))) if curves else []
        tuning = json.loads(Path(tuning_job.path).read_text(encoding="utf-8")) if tuning_job else {}
        baseline, tuned = (
            Side(
                model=answers.metadata["model"],
                predictions=list(read_records(Path(answers.path))),
                scores=list(read_records(Path(scores.path))),
                signature=scores.metadata["signature"],
                paid=answers.metadata["paid"],
                task=scores.metadata["task"],
                base_model=answers.metadata["base_model"],
                settings=answers.metadata["settings"],
                prompts=answers.metadata["prompts"],
            )
            for answers, scores in ((baseline_predictions, baseline_scores), (tuned_predictions, tuned_scores))
        )
        compared = build(
            examples=examples,
            baseline=baseline,
            candidate=tuned,
            limits=Limits(
                primary_metric=primary_metric,
                minimum_improvement=minimum_improvement,
                guard_metrics=guard_metrics,
                max_truncated_share=max_truncated_share,
                max_blocked_share=max_blocked_share,
                max_unscored_share=max_unscored_share,
            ),
            ledger=json.loads(Path(ledger.path).read_text(encoding="utf-8")),
            tuning=tuning,
            selection=json.loads(Path(selection.path).read_text(encoding="utf-8")) if selection else {},
            spec=read_parameters(job_resource_name),
            job=job_resource_name,
            digests={split: Path(uri).stem for split, uri in splits.items() if uri},
            catalog=catalogs.load(catalog_overrides),
            estimated=json.loads(Path(cost_estimate.path).read_text(encoding="utf-8")) or None,
        )
        compared["notices"] += replacement_notices(compared, bucket=bucket, name=name, storage=Storage(project))
        figures = report_figures(compared, baseline.scores, tuned.scores, points)
        rows = example_rows(examples, baseline, tuned, primary_metric)
        outputs = {
            "Baseline answers": baseline_predictions,
            "Baseline scores": baseline_scores,
            "Candidate answers": tuned_predictions,
            "Candidate scores": tuned_scores,
        }
        files = {"Test split": test_uri, **{name: object_of(each.path) for name, each in outputs.items()}}
        pages = {
            "report.html": (report, render(compared, rows, figures, files)),
            "model_card.md": (model_card, render_card(compared)),
            "comparison.json": (comparison, json.dumps(compared, ensure_ascii=False, indent=1, sort_keys=True)),
        }
        types = {"report.html": "text/html", "model_card.md": "text/markdown", "comparison.json": "application/json"}
        for file, (artifact, text) in pages.items():
            Path(artifact.path).write_text(text, encoding="utf-8")
            Storage(project).write_text(f"gs://{bucket}/gemtune/runs/{job_id}/{file}", text, types[file])
        Path(score_plot.path).write_bytes(to_png(score_figure(baseline.scores, tuned.scores, TASKS[tuned.task].shown)))
        Path(difference_plot.path).write_bytes(to_png(difference_figure(compared["metrics"], primary_metric)))
        Path(curve_plot.path).write_bytes(to_png(curve_figure(points, tuning.get("checkpoints", []))))
        for metric in compared["metrics"]:
            for key in ("baseline", "candidate", "difference"):
                if metric[key] is not None:
                    metrics.log_metric(f"{metric['name']}_{key}", metric[key])
        metrics.metadata["verdict"] = compared["verdict"]
        return compared["decision"]
