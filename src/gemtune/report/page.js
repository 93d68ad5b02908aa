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
  const highlighted = window.Highlight && new Highlight();
  let shown = rows;
  let words = [];
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

  const fits = (row) =>
    (!language?.value || row.language === language.value) &&
    (!outcome.value || [row.baseline_outcome, row.candidate_outcome].includes(outcome.value)) &&
    words.every((word) => haystack(row).includes(word));

  const update = () => {
    words = fold(search.value).split(/\s+/u).filter(Boolean);
    shown = sorted(rows.filter(fits));
    page = 0;
    render();
  };

  const render = () => {
    const first = page * ON_A_PAGE;
    const last = Math.min(first + ON_A_PAGE, shown.length);
    highlighted?.clear();
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

  // Ranges of the text as it is: no element is added. An older browser shows no hits.
  const highlight = (body) => {
    if (!highlighted || !words.length) return;
    const nodes = document.createTreeWalker(body, NodeFilter.SHOW_TEXT);
    while (nodes.nextNode()) {
      const [startContainer, endContainer] = [nodes.currentNode, nodes.currentNode];
      for (const [startOffset, endOffset] of hits(startContainer.data))
        highlighted.add(new StaticRange({ startContainer, startOffset, endContainer, endOffset }));
    }
  };

  // A folded letter may be longer than its own: each remembers where that starts and ends.
  const hits = (text) => {
    let folded = "";
    let at = 0;
    const [from, to] = [[], []];
    for (const letter of text) {
      for (const unit of fold(letter).split("")) {
        folded += unit;
        from.push(at);
        to.push(at + letter.length);
      }
      at += letter.length;
    }
    const found = [];
    for (const word of words)
      for (let i = folded.indexOf(word); i >= 0; i = folded.indexOf(word, i + word.length))
        found.push([from[i], to[i + word.length - 1]]);
    return found;
  };

  const line = (row) => {
    const details = template.cloneNode(true);
    const slot = (name) => details.querySelector(`[data-slot="${name}"]`);
    slot("difference").textContent = fixed(row.difference, "+");
    slot("scores").textContent = `${fixed(row.baseline_score)} \u2192 ${fixed(row.candidate_score)}`;
    slot("flag").textContent = row.flag;
    slot("excerpt").textContent = row.excerpt;
    highlight(slot("excerpt"));
    details.addEventListener("toggle", () => fill(row, slot), { once: true });
    return details;
  };

  const fill = (row, slot) => {
    for (const name of ["reference", "baseline_text", "candidate_text", "prompt_text"]) {
      const body = slot(name);
      if (row.language) body.lang = row.language;
      if (!textOf(row[name])) continue;
      body.replaceChildren(...row[name].map(marked));
      highlight(body);
    }
    slot("baseline_outcome").textContent = row.baseline_outcome;
    slot("candidate_outcome").textContent = row.candidate_outcome;
    slot("id").textContent = row.id;
    highlight(slot("id"));
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

  if (highlighted) CSS.highlights.set("hit", highlighted);
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
