"use strict";
// Shows the embedded examples: sorted, searched, filtered, page by page. Texts reach the document as text nodes only,
// so nothing in them can run. Should anything here fail, the examples written into the page stay as they are.
(() => {
  const ON_A_PAGE = 50;
  const element = (id) => document.getElementById(id);
  const rows = JSON.parse(element("embedded").textContent);
  const template = element("row").content.firstElementChild;
  const [list, count, place] = ["rows", "count", "place"].map(element);
  const [search, order, language, outcome] = ["search", "order", "language", "outcome"].map(element);
  const [back, forward] = ["back", "forward"].map(element);
  let shown = rows;
  let page = 0;

  const fixed = (value, sign = "") =>
    value === null ? "\u2013" : ((value < 0 ? "\u2212" : sign) + Math.abs(value).toFixed(3));
  const whole = (value) => value.toLocaleString("en-US");
  const fold = (text) => text.normalize("NFKC").toLowerCase();
  const textOf = (pieces) => pieces.map((piece) => (typeof piece === "string" ? piece : piece[0])).join("");

  // Made when first searched: folding 2,000 examples takes a moment, which most readers never need.
  const haystack = (row) =>
    (row.haystack ??= fold(
      [row.id, ...[row.prompt_text, row.reference, row.baseline_text, row.candidate_text].map(textOf)].join("\n"),
    ));

  // What is unscored comes last, whichever way round.
  const keys = {
    gain: (row) => row.gain,
    loss: (row) => row.gain === null ? null : -row.gain,
    score: (row) => row.candidate_score === null ? null : -row.candidate_score,
  };
  const sorted = (those) => {
    const key = keys[order.value];
    const rank = (row) => key(row) ?? -Infinity;
    return key ? [...those].sort((a, b) => rank(b) - rank(a) || 0) : those;
  };

  const fits = (row, words) =>
    (!language?.value || row.language === language.value) &&
    (!outcome.value || [row.baseline_outcome, row.candidate_outcome].includes(outcome.value)) &&
    words.every((word) => haystack(row).includes(word));

  const update = () => {
    const words = fold(search.value).split(/\s+/u).filter(Boolean);
    shown = sorted(rows.filter((row) => fits(row, words)));
    page = 0;
    render();
  };

  const render = () => {
    const first = page * ON_A_PAGE;
    const last = Math.min(first + ON_A_PAGE, shown.length);
    list.replaceChildren(...shown.slice(first, last).map(line));
    count.textContent =
      `${whole(shown.length)} of ${whole(rows.length)} examples` +
      (last - first < shown.length ? `, ${whole(first + 1)} to ${whole(last)} below` : "");
    const pages = Math.max(1, Math.ceil(shown.length / ON_A_PAGE));
    place.textContent = `Page ${page + 1} of ${pages}`;
    place.parentElement.hidden = pages === 1;
    back.disabled = page === 0;
    forward.disabled = page + 1 === pages;
  };

  const line = (row) => {
    const details = template.cloneNode(true);
    const slot = (name) => details.querySelector(`[data-slot="${name}"]`);
    slot("difference").textContent = fixed(row.difference, "+");
    slot("scores").textContent = `${fixed(row.baseline_score)} \u2192 ${fixed(row.candidate_score)}`;
    slot("flag").textContent = row.flag;
    slot("excerpt").textContent = row.excerpt;
    details.addEventListener("toggle", () => fill(row, slot), { once: true });
    return details;
  };

  const fill = (row, slot) => {
    for (const name of ["reference", "baseline_text", "candidate_text", "prompt_text"]) {
      const body = slot(name);
      if (row.language) body.lang = row.language;
      if (textOf(row[name])) body.replaceChildren(...row[name].map(marked));
    }
    slot("baseline_outcome").textContent = row.baseline_outcome;
    slot("candidate_outcome").textContent = row.candidate_outcome;
    slot("id").textContent = row.id;
  };

  const marked = (piece) => {
    if (typeof piece === "string") return document.createTextNode(piece);
    const mark = document.createElement("mark");
    [mark.textContent, mark.className] = piece;
    return mark;
  };

  const turn = (by) => {
    page += by;
    render();
    element("examples").scrollIntoView();
    list.querySelector("summary")?.focus({ preventScroll: true });
  };

  search.addEventListener("input", update);
  for (const choice of [order, language, outcome]) choice?.addEventListener("change", update);
  back.addEventListener("click", () => turn(-1));
  forward.addEventListener("click", () => turn(1));
  update();
  element("few").hidden = true;
  element("all").hidden = false;

  // In an artifact viewer the page is the text of a frame: its address is not its own, and links inside it lead away.
  if (location.protocol === "about:") {
    document.addEventListener("click", (event) => {
      const link = event.target.closest?.('a[href^="#"]');
      if (!link) return;
      event.preventDefault();
      element(link.hash.slice(1))?.scrollIntoView();
    });
  }
})();
