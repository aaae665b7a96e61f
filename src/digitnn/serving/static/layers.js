// The planes of every layer. A plane opens its filter and what it responds to.

import { ApiError, getFilter } from "/static/api.js";
import { byId, make, rove } from "/static/elements.js";
import { makeDigit } from "/static/exhibits.js";
import { showNotice } from "/static/notice.js";
import { paintInk, paintSigned, paintTiles, signedBytes, unsignedBytes, wipe } from "/static/planes.js";
import { count } from "/static/wording.js";

const SMALL_SIDE = 8; // planes with fewer rows are shown smaller: there are many of them

let stages = [];
let request = null;

/** Build the stages of a model. `open(image)` is called for a training digit. */
export function buildLayers(model, { data, open }) {
  request?.abort();
  stages = model.stages.map((stage, n) => makeStage(model, stage, n, { data, open }));
  byId("layers").replaceChildren(...stages.map(({ element }) => element));
}

/** Show the values of every stage, as `/v1/explain` returns them. */
export function showLayers(results) {
  if (results.length === stages.length) results.forEach((result, n) => stages[n].show(result));
}

export function clearLayers() {
  for (const stage of stages) stage.clear();
}

function makeStage(model, { name, shape }, stage, context) {
  const flat = shape.length === 1;
  const noun = flat ? "unit" : "plane";
  const inspector = make("div", { className: "inspector", hidden: true, aria: { live: "polite" } });
  const buttons = Array.from({ length: shape[0] }, (_, plane) => {
    const label = `${noun === "unit" ? "Unit" : "Plane"} ${plane} of layer ${stage + 1}`;
    const button = make("button", { type: "button", className: noun, ariaLabel: label, ariaPressed: "false", data: { stage, plane } });
    if (!flat) button.append(make("canvas", { className: "pixels", width: shape[2], height: shape[1] }));
    button.addEventListener("click", () => inspect(model, button, inspector, context));
    return button;
  });
  const small = !flat && shape[1] < SMALL_SIDE;
  const grid = make("div", { className: `planes ${noun}s${small ? " small" : ""}`, role: "group", ariaLabel: `Layer ${stage + 1}: ${name}` }, ...buttons);
  rove(grid, "button");
  const size = flat ? count(shape[0], noun) : `${count(shape[0], noun)} of ${shape[1]} × ${shape[2]}`;
  const heading = make("h4", {}, make("span", { textContent: name }), make("small", { textContent: size === name ? "" : size }));
  return {
    element: make("section", { className: "stage-block", data: { stage } }, heading, grid, inspector),
    show: (result) => (flat ? showUnits : showPlanes)(buttons, result),
    clear: () => buttons.forEach((button) => (flat ? button.style.removeProperty("--level") : wipe(button.firstChild))),
  };
}

function showPlanes(buttons, { shape: [, height, width], least, largest, values }) {
  const bytes = unsignedBytes(values);
  const size = height * width;
  buttons.forEach((button, n) => {
    const part = bytes.subarray(n * size, (n + 1) * size);
    const canvas = button.firstChild;
    canvas.classList.toggle("ink", least >= 0);
    if (least >= 0) paintInk(canvas, part, width, height);
    else paintSigned(canvas, restore(part, least, largest), width, height, 1);
  });
}

function showUnits(buttons, { least, largest, values }) {
  const levels = restore(unsignedBytes(values), least, largest);
  buttons.forEach((button, n) => {
    button.classList.toggle("negative", levels[n] < 0);
    button.classList.toggle("signed", least < 0);
    button.style.setProperty("--level", Math.abs(levels[n]).toFixed(3));
  });
}

/** Turn bytes back into values, divided by the largest magnitude. */
function restore(bytes, least, largest) {
  const magnitude = Math.max(Math.abs(least), Math.abs(largest)) || 1;
  return Float32Array.from(bytes, (byte) => (least + (byte / 255) * (largest - least)) / magnitude);
}

async function inspect(model, button, inspector, { data, open }) {
  const again = button.ariaPressed === "true";
  for (const other of byId("layers").querySelectorAll("button[aria-pressed=true]")) other.ariaPressed = "false";
  for (const other of byId("layers").querySelectorAll(".inspector")) other.hidden = true;
  request?.abort();
  if (again) return;
  button.ariaPressed = "true";
  request = new AbortController();
  const { stage, plane } = button.dataset;
  try {
    const found = await getFilter(model.name, stage, plane, request.signal);
    inspector.replaceChildren(make("h5", { textContent: button.ariaLabel }), weightsOf(found), respondsTo(found, data, open));
    inspector.hidden = false;
  } catch (error) {
    if (error instanceof ApiError) showNotice(error.message);
    else if (error.name !== "AbortError") throw error;
  }
}

function weightsOf({ kind, weights }) {
  const title = kind === "filter" ? "Filter" : "Weights";
  if (!weights) {
    return make("div", {}, make("h6", { textContent: title }), make("p", { className: "hint", textContent: "Its inputs are units, not pixels, so its weights are no image." }));
  }
  const [channels, height, width] = weights.shape.length === 2 ? [1, ...weights.shape] : weights.shape;
  const canvas = make("canvas", { className: "pixels weights", role: "img", ariaLabel: `${title}, ${count(channels, "channel")} of ${height} by ${width}` });
  paintTiles(canvas, signedBytes(weights.values), [channels, height, width], Math.min(channels, 8));
  canvas.style.width = `${Math.min(17, canvas.width * (channels > 1 ? 0.4 : 1.6))}rem`;
  const range = `Red up to +${weights.largest.toFixed(2)}, blue down to −${weights.largest.toFixed(2)}`;
  return make("div", {}, make("h6", { textContent: title }), canvas, make("p", { className: "hint", textContent: range }));
}

function respondsTo({ responds_to: digits }, data, open) {
  const list = make(
    "div",
    { className: "digits" },
    ...digits.map(({ label, image, activation }) => makeDigit(image, `${label}`, activation.toFixed(2), open, "activation")),
  );
  const missing = data ? "No training digit activates it." : "Training digits need MNIST on the server's disk.";
  return make(
    "div",
    {},
    make("h6", { textContent: "Responds to" }),
    digits.length ? list : make("p", { className: "hint", textContent: missing }),
  );
}
