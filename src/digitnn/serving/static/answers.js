// The answer: a headline for the chosen network, a card per network, the engines' logits.

import { makeBars } from "/static/bars.js";
import { byId, make } from "/static/elements.js";
import { engineTitle, percent, scientific } from "/static/wording.js";

const QUIET_MILLISECONDS = 700;

const cards = new Map();
let silence = 0;

/** Build a card for each model. `chosen(name)` is called when a card is activated. */
export function buildAnswers(models, chosen) {
  cards.clear();
  for (const model of models) cards.set(model.name, makeCard(model, chosen));
  byId("answers").replaceChildren(...[...cards.values()].map(({ element }) => element));
}

/** Mark the card of the network that is looked into. */
export function markChosen(name) {
  for (const [key, { choose }] of cards) choose.setAttribute("aria-pressed", String(key === name));
}

/** Show what all models answer; `name` is the chosen one. */
export function showAnswers(results, name) {
  for (const result of results) cards.get(result.name)?.show(result);
  const chosen = results.find((result) => result.name === name);
  if (!chosen) return;
  showHeadline(chosen, results);
  showLogits(chosen);
}

export function clearAnswers() {
  for (const { clear } of cards.values()) clear();
  byId("glance").textContent = "";
  byId("headline-digit").textContent = "?";
  byId("headline-digit").className = "numeral empty";
  byId("headline").textContent = "Draw a digit or choose a sample.";
  byId("headline-detail").textContent = "Every network answers at each stroke.";
  byId("difference").textContent = "The logits of both engines appear here.";
  delete byId("difference").dataset.value;
  byId("logits-frame").hidden = true;
  announce("");
}

function makeCard({ name, title, engines, rejects }, chosen) {
  const digit = make("span", { className: "digit" });
  const verdict = make("span", { className: "verdict" });
  const bars = makeBars(rejects);
  const choose = make(
    "button",
    { type: "button", className: "choose", ariaPressed: "false", title: `Look inside ${title}`, on: { click: () => chosen(name) } },
    make("span", { className: "name", textContent: title }),
  );
  const engineDigits = engines.map((engine) => make("span", { className: "engine", data: { engine } }));
  const element = make(
    "article",
    { className: "card answer", data: { model: name } },
    choose,
    digit,
    make("div", { className: "likelihood" }, bars.element, verdict),
    make("p", { className: "engines" }, ...engineDigits),
  );

  const show = (result) => {
    const shown = result.rejected ? "?" : String(result.digit);
    digit.textContent = shown;
    verdict.textContent = result.rejected ? `Rejected: ${result.rejected}` : percent(result.confidence);
    element.classList.toggle("rejected", Boolean(result.rejected));
    element.dataset.digit = result.rejected ? "" : result.digit;
    element.dataset.rejected = result.rejected;
    bars.show(result.probabilities, result.rejected ? -1 : result.digit, result.non_digit ?? 0);
    engines.forEach((engine, n) => showEngine(engineDigits[n], engine, result.logits[engine]));
  };
  const clear = () => {
    for (const part of [digit, verdict, ...engineDigits]) part.textContent = "";
    element.classList.remove("rejected");
    delete element.dataset.digit;
    for (const part of engineDigits) delete part.dataset.engineDigit;
    bars.clear();
  };
  return { title, element, choose, show, clear };
}

function showEngine(element, engine, logits) {
  if (!logits) {
    element.textContent = `${engineTitle(engine)} is not installed`;
    delete element.dataset.engineDigit;
    return;
  }
  const digit = logits.indexOf(Math.max(...logits));
  element.dataset.engineDigit = digit;
  element.replaceChildren(`${engineTitle(engine)} `, make("b", { textContent: digit }));
}

function showHeadline(chosen, results) {
  const { digit, confidence, rejected } = chosen;
  byId("headline-digit").textContent = rejected ? "?" : digit;
  byId("headline-digit").className = `numeral${rejected ? " refused" : ""}`;
  byId("glance").replaceChildren(make("b", { textContent: rejected ? "?" : digit }), rejected ? "rejected" : percent(confidence));
  const text = rejected ? `Rejected: ${rejected}` : `${digit}, with ${percent(confidence)} confidence`;
  byId("headline").textContent = text;
  byId("headline-detail").textContent = comparison(chosen, results);
  announce(text);
}

function comparison(chosen, results) {
  const verdict = ({ digit, rejected }) => (rejected ? "?" : String(digit));
  const others = results.filter((result) => verdict(result) !== verdict(chosen));
  if (results.length < 2) return "";
  if (!others.length) return results.length === 2 ? "Both networks agree." : `All ${results.length} networks agree.`;
  return others.map((other) => `${cards.get(other.name).title}: ${other.rejected ? "rejected" : other.digit}`).join(" · ");
}

function showLogits({ logits, largest_difference: difference }) {
  const engines = Object.keys(logits);
  const line = byId("difference");
  if (difference === null) {
    line.textContent = "Only one engine runs here. Install PyTorch to compare.";
    delete line.dataset.value;
  } else {
    line.textContent = `The same parameters run in NumPy and in PyTorch. Largest difference of a logit: ${scientific(difference)}.`;
    line.dataset.value = difference;
  }
  const head = make("tr", {}, make("th", { scope: "col", textContent: "Digit" }));
  for (const engine of engines) head.append(make("th", { scope: "col", textContent: engineTitle(engine) }));
  const best = logits[engines[0]].indexOf(Math.max(...logits[engines[0]]));
  const rows = Array.from({ length: 10 }, (_, digit) => logitRow(digit, logits, engines, digit === best));
  byId("logits").replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
  byId("logits-frame").hidden = false;
}

function logitRow(digit, logits, engines, best) {
  const row = make("tr", { className: best ? "best" : "" }, make("th", { scope: "row", textContent: digit }));
  const values = engines.map((engine) => logits[engine][digit]);
  for (const value of values) row.append(make("td", { textContent: value.toFixed(5).replace("-", "−") }));
  return row;
}

/** Tell screen readers, but only once the drawing rests. */
function announce(text) {
  clearTimeout(silence);
  silence = setTimeout(() => (byId("announcement").textContent = text), QUIET_MILLISECONDS);
}
