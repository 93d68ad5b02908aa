"""Reports of made-up runs: a small one, one in which every text is hostile, and one with many examples."""

import random
from functools import cache
from typing import Any

from gemtune.comparison.decision import Limits
from gemtune.report.examples import example_rows
from gemtune.report.page import render
from gemtune.report.plots import report_figures
from tests.gemtune.made_run import CURVES, TUNING, compare, examples, side, worse_and_better

ARABIC = "\u0627\u063a\u0633\u0644 \u0627\u0644\u0623\u0631\u0632"
HOSTILE = {
    "script": "</p></div></details><script>document.title='owned'</script>",
    "handler": '"><img src=x onerror="document.title=1"><svg onload=alert(1)>',
    "attribute": 'en" onmouseover="alert(1)" x=\'',
    "link": '<a href="javascript:alert(1)">x</a> [x](javascript:alert(1))',
    "style": "</style><style>*{background:url(https://evil.example/x)}</style>",
    "template": "{{ 7 * 7 }}{% include 'x' %}",
    "comment": "<!--[if IE]><script>alert(1)</script><![endif]--> ]]> <plaintext>",
    "request": '<meta http-equiv="refresh" content="0;url=https://evil.example"><base href="https://evil.example/">',
    "surrogate": "broken \ud800 half \udc00",
    "direction": "abc \u202e\u2066 fdp.exe",
    "control": "a\x00b\x1b[31m\x85\x7f",
    "long": "<b>" + "x" * 1_000_000,
}
"""What someone else may have written into a dataset, or a model into its answer."""


@cache
def page() -> str:
    """Return the report of a small run."""
    records = examples()
    baseline, candidate = worse_and_better(records)
    comparison = compare(records, baseline, candidate)
    figures = report_figures(comparison, baseline.scores, candidate.scores, CURVES)
    return render(comparison, example_rows(records, baseline, candidate, "rougeL_f1"), figures)


@cache
def page_about(text: str) -> str:
    """Return the report of a run whose references are one text, and whose baseline answered nothing."""
    records = examples([text] * 8)
    baseline = side(records, [None] * 8, model="gemini-3.1-flash-lite", outcomes=dict.fromkeys(range(8), "blocked"))
    candidate = side(records, [text] * 8)
    comparison = compare(records, baseline, candidate, limits=Limits(max_blocked_share=1.0))
    figures = report_figures(comparison, baseline.scores, candidate.scores, CURVES)
    return render(comparison, example_rows(records, baseline, candidate, "rougeL_f1"), figures)


@cache
def hostile_page() -> str:
    """Return a report in which every text that comes from outside is hostile."""
    texts = list(HOSTILE.values())
    records = [
        {**record, "id": f"{record['id']}{text[:100]}", "language": language}
        for text, language in zip(texts, [HOSTILE["attribute"], HOSTILE["script"]] * len(texts), strict=False)
        for record in examples([f"reference {text}"], prompt=text)
    ]
    # The third baseline answer and the candidate's third last never came.
    baseline = side(records, texts, model="gemini-3.1-flash-lite", version=HOSTILE["script"], outcomes={2: "truncated"})
    candidate = side(records, texts[::-1], version=HOSTILE["handler"])
    nasty = HOSTILE["script"] + HOSTILE["handler"]
    guard = {"name": nasty, "title": nasty, "unit": "text", "baseline": nasty, "candidate": nasty, "limit": nasty}
    comparison = compare(
        records,
        baseline,
        candidate,
        spec={"name": nasty, "base_model": nasty, nasty: nasty, "list": [nasty], "project": nasty},
        job=nasty,
        tuning={**TUNING, "tuning_job": f"projects/1/locations/{nasty}/tuningJobs/1", "model": nasty},
        digests={nasty: nasty},
        ledger={nasty: {"read": 1, "used": 0, "sampled_out": 0, "rejected": {nasty: 1}}, "sources": {nasty: nasty}},
    )
    comparison |= {"fairness": [{**guard, "passed": False, "problems": [nasty]}]}
    figures = report_figures(comparison, baseline.scores, candidate.scores, CURVES)
    files = {nasty: nasty, "script": "javascript:document.title='owned'", "object": f"gs://bucket/{nasty}"}
    return render(comparison, example_rows(records, baseline, candidate, "rougeL_f1"), figures, files)


@cache
def long_page(count: int = 2_000, shown_words: int = 60) -> str:
    """Return the report of a run with many examples, some of them Arabic, some without an answer."""
    draw = random.Random(7)
    words = [f"word{number}" for number in range(400)]
    references = [" ".join(draw.choices(words, k=shown_words)) for _ in range(count)]
    records = [
        {**record, "language": "ar", "reference": f"{ARABIC} {number}"} if number % 10 == 0 else record
        for number, record in enumerate(examples(references, prompt=" ".join(words)))
    ]
    outcomes = {number: "blocked" for number in range(5, count, 50)}

    def answers(kept: float) -> list[str | None]:
        mixed = (
            " ".join(word for word in record["reference"].split() if draw.random() < kept) + " end"
            for record in records
        )
        return list(mixed)

    before = [None if number in outcomes else text for number, text in enumerate(answers(0.5))]
    baseline = side(records, before, model="gemini-3.1-flash-lite", outcomes=outcomes)
    candidate = side(records, answers(0.7))
    comparison: dict[str, Any] = compare(records, baseline, candidate, limits=Limits(max_blocked_share=1.0))
    figures = report_figures(comparison, baseline.scores, candidate.scores, CURVES)
    return render(comparison, example_rows(records, baseline, candidate, "rougeL_f1"), figures)
