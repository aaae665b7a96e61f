// Two networks side by side.

import { getComparison, Latest } from "/static/api.js";
import { makeBars } from "/static/bars.js";
import { byId, fillSelect, make } from "/static/elements.js";
import { makeDigit } from "/static/exhibits.js";
import { count, percent } from "/static/wording.js";

const sides = ["compare-first", "compare-second"];
const asking = new Latest();

let titles = new Map();
let rejecting = new Set();
let panels = [];
let results = [];
let opened = () => {};

/** Offer all models; `open(image)` is called for a digit that is activated. */
export function buildComparison(models, data, open) {
  titles = new Map(models.map(({ name, title }) => [name, title]));
  rejecting = new Set(models.filter(({ rejects }) => rejects).map(({ name }) => name));
  opened = open;
  const options = models.map(({ name, title }) => [name, title]);
  sides.forEach((id, n) => {
    const before = byId(id).value;
    const kept = titles.has(before) ? before : models[Math.min(n, models.length - 1)]?.name;
    fillSelect(byId(id), options, kept);
    byId(id).onchange = changed;
  });
  byId("compare-missing").hidden = data;
  byId("compare-run").hidden = !data;
  byId("compare-run").onclick = run;
  changed();
}

/** Show both answers to the drawing. */
export function showComparison(answers) {
  results = answers;
  panels.forEach((panel, n) => {
    const name = byId(sides[n]).value;
    panel.show(titles.get(name) ?? "", results.find((result) => result.name === name));
  });
}

function changed() {
  panels = sides.map((id) => makePanel(rejecting.has(byId(id).value)));
  byId("compare-drawing").replaceChildren(...panels.map(({ element }) => element));
  showComparison(results);
  const [first, second] = sides.map((id) => byId(id).value);
  byId("compare-run").disabled = first === second;
  if (byId("compare-result").childElementCount) run();
}

function makePanel(rejects) {
  const title = make("h3");
  const digit = make("span", { className: "digit" });
  const verdict = make("span", { className: "verdict" });
  const bars = makeBars(rejects);
  const element = make(
    "article",
    { className: "card answer side" },
    title,
    digit,
    make("div", { className: "likelihood" }, bars.element, verdict),
  );
  const show = (name, result) => {
    title.textContent = name;
    digit.textContent = result ? (result.rejected ? "?" : result.digit) : "";
    verdict.textContent = result ? result.rejected || percent(result.confidence) : "";
    element.classList.toggle("rejected", Boolean(result?.rejected));
    if (result) bars.show(result.probabilities, result.rejected ? -1 : result.digit, result.non_digit ?? 0);
    else bars.clear();
  };
  return { element, show };
}

function run() {
  const [first, second] = sides.map((id) => byId(id).value);
  if (first === second) {
    byId("compare-result").replaceChildren();
    return;
  }
  const button = byId("compare-run");
  button.textContent = "Comparing …";
  button.disabled = true;
  asking.cancel();
  asking.ask(async (signal) => {
    try {
      showResult(await getComparison(first, second, signal));
    } finally {
      button.textContent = "Compare on validation digits";
      button.disabled = byId(sides[0]).value === byId(sides[1]).value;
    }
  });
}

function showResult(result) {
  const only = (name) => `Only ${titles.get(name)} is right`;
  const rows = [
    ["Both are right", result.both_right],
    [only(result.first), result.only_first.count],
    [only(result.second), result.only_second.count],
    ["Both are wrong", result.both_wrong],
  ];
  const table = make(
    "table",
    { className: "counts" },
    make("caption", { textContent: `${result.n.toLocaleString("en")} validation digits` }),
    make("tbody", {}, ...rows.map(([text, n]) => make("tr", {}, make("th", { scope: "row", textContent: text }), make("td", { textContent: n.toLocaleString("en") })))),
  );
  byId("compare-result").replaceChildren(
    table,
    ...exampleGroup(only(result.first), result.only_first, result.second),
    ...exampleGroup(only(result.second), result.only_second, result.first),
  );
}

function exampleGroup(title, { count: total, examples }, other) {
  const digits = examples.map(({ label, predicted, image }) => makeDigit(image, `${label}`, `as ${predicted}`, opened, "classified"));
  const shown = examples.length < total ? `The first ${examples.length} of ${count(total, "digit")}.` : `${count(total, "digit")}.`;
  return [
    make("h3", { textContent: title }),
    make("p", { className: "hint", textContent: total ? `${shown} Below each: its label, then what ${titles.get(other)} answers.` : "No digit." }),
    make("div", { className: "digits", role: "group", ariaLabel: title }, ...digits),
  ];
}
