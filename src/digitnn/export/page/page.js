// The page: what is drawn is split into digits, and the network answers for each.

import { groupDigits } from "./components.js";
import { Drawing } from "./drawing.js";
import { loadNetwork } from "./engine.js";
import { chooseDigit, cutOut, findInk, imageFromInk, inkComponents, mapTo } from "./normaliser.js";

const IMAGE_SIDE = 28;
const MIN_CONFIDENCE = 0.5; // below it a digit is rejected, as by `digitnn read`
const UNSURE = 0.8; // below it a digit is marked
const MAX_LIVE_MILLISECONDS = 30; // a slower network answers at the end of a stroke
const MAX_REMEMBERED = 500; // images whose probabilities are kept

const byId = (id) => document.getElementById(id);
const percent = (share) => (share > 0.9995 ? "100 %" : share >= 0.99 ? `${(100 * share).toFixed(1)} %` : `${Math.round(100 * share)} %`);

/** Return a new element with these properties and children. */
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// reading

/** Return the lines of digits in a grey drawing: {digit, confidence, probabilities, image, box}. */
export function readDrawing(grey, classify) {
  const found = findInk(grey);
  if (!found) return [];
  const { ink, reduction } = found;
  const { labels, boxes, hasCore } = inkComponents(ink);
  const parts = boxes.map((_, n) => n).filter((n) => hasCore[n]);
  return groupDigits(parts.map((n) => boxes[n]))
    .map((line) =>
      line.flatMap((group) => {
        const chosen = boxes.map(() => false);
        for (const part of group.parts) chosen[parts[part]] = true;
        const alone = cutOut(ink, labels, chosen, group.box);
        const digit = chooseDigit(alone);
        return digit ? [answer(imageFromInk(alone, digit), group.box.map((side) => side * reduction), classify)] : [];
      }),
    )
    .filter((line) => line.length);
}

function answer(image, box, classify) {
  const probabilities = classify(image);
  const digits = probabilities.slice(0, 10);
  const confidence = Math.max(...digits);
  const digit = confidence >= MIN_CONFIDENCE ? digits.indexOf(confidence) : null;
  return { digit, confidence, probabilities, image, box };
}

/** Return a function from an image to its probabilities, which remembers the last ones. */
function remember(network) {
  const known = new Map();
  return (image) => {
    const key = image.join();
    if (!known.has(key)) {
      if (known.size >= MAX_REMEMBERED) known.clear();
      known.set(key, network.probabilities(network.logits(image)));
    }
    return known.get(key);
  };
}

/** Return a drawing in grey: 255 for paper to 0 for ink. */
function greyOf(canvas) {
  const { width: w, height: h } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, w, h);
  return { h, w, values: mapTo(Uint8Array, new Uint32Array(data.buffer), (pixel) => 255 - (pixel >>> 24)) };
}

// examples: strokes of digits in a box 20 wide and 28 high; a corner is a point given twice

const STROKES = [
  ["11,1 5,3 2,10 2,18 5,25 10,27 15,25 18,18 18,10 15,3 11,1 9,1"],
  ["10,1 10,27 10,27"],
  ["3,7 5,2 10,1 16,3 17,8 14,14 8,20 2,26 2,26 2,27 2,27 18,27"],
  ["3,4 8,1 14,2 16,7 13,12 8,13 8,13 14,14 17,20 14,25 8,27 2,24"],
  ["6,1 3,17 3,17 18,17", "14,9 14,27"],
  ["16,1 5,1 5,1 4,12 4,12 10,10 16,13 17,20 13,26 7,27 2,24"],
  ["14,1 7,6 3,15 3,22 8,27 14,26 17,21 14,16 9,15 4,19"],
  ["2,2 17,2 17,2 8,27"],
  ["15,5 10,1 5,3 4,8 9,12 15,17 16,23 10,27 4,23 5,17 11,12 15,8 15,4"],
  ["15,7 11,2 6,3 3,9 6,14 12,13 15,7 15,7 15,27"],
];
const EXAMPLES = [["407"], ["8"], ["1925", "36"]];

/** Return lines of digits as a sample, as large as fits. */
function writeLines(lines, { width: w, height: h }) {
  const most = Math.max(...lines.map((line) => line.length));
  const scale = Math.min(w / (30 * most + 6), h / (42 * lines.length + 2));
  const top = (h - scale * (42 * lines.length - 14)) / 2;
  const strokes = lines.flatMap((line, row) =>
    [...line].flatMap((digit, n) => {
      const left = (w - scale * (30 * line.length - 10)) / 2 + scale * 30 * n;
      const place = (point) => point.split(",").map((value, axis) => scale * value + [left, top + scale * 42 * row][axis]);
      return STROKES[digit].map((stroke) => stroke.split(" ").map(place));
    }),
  );
  return { strokes, width: 2.6 * scale };
}

// answers

function showAnswers(lines, canvas, rejects) {
  const digits = lines.flat();
  const text = lines.map((line) => line.map(character).join("")).join("\n");
  byId("text").textContent = text;
  byId("text").hidden = !text;
  byId("hint").textContent = hintFor(digits);
  byId("digits").replaceChildren(...digits.map((digit) => makeCard(digit, rejects)));
  byId("boxes").replaceChildren(...digits.map((digit) => makeBox(digit, canvas)));
  canvas.ariaLabel = text ? `Drawing area. Drawn: ${text.split("\n").join(", ")}` : "Drawing area, empty";
  return text;
}

const character = ({ digit }) => (digit === null ? "?" : String(digit));
const kindOf = ({ digit, confidence }) => (digit === null ? "rejected" : confidence < UNSURE ? "unsure" : "sure");

function hintFor(digits) {
  if (!digits.length) return "Draw one digit or several side by side. The network answers while you draw.";
  if (digits.some(({ digit }) => digit === null)) return "“?” means that no digit reaches 50 %.";
  if (digits.some((digit) => kindOf(digit) === "unsure")) return `The network is less than ${percent(UNSURE)} sure of the dashed ones.`;
  return "";
}

function makeCard(found, rejects) {
  const name = character(found);
  const verdict = found.digit === null ? "Rejected" : `${percent(found.confidence)} sure`;
  const image = make("canvas", { className: "pixels ink", width: IMAGE_SIDE, height: IMAGE_SIDE, role: "img", ariaLabel: "The image that the network gets" });
  paint(image, found.image);
  const head = make("div", { className: "head" }, make("b", { className: "numeral", textContent: name }), image, make("span", { className: "verdict", textContent: verdict }));
  return make("li", { className: `card ${kindOf(found)}` }, head, makeBars(found, rejects));
}

function paint(canvas, image) {
  const pixels = new ImageData(IMAGE_SIDE, IMAGE_SIDE);
  image.forEach((value, at) => (pixels.data[4 * at + 3] = value));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

function makeBars({ digit, probabilities }, rejects) {
  const names = [..."0123456789", ...(rejects ? ["?"] : [])];
  const bars = names.map((name, n) => {
    const fill = make("span", { className: "fill" });
    fill.style.setProperty("--share", probabilities[n]);
    const isChosen = digit === null ? name === "?" : n === digit;
    return make("span", { className: isChosen ? "bar chosen" : "bar" }, fill, make("b", { textContent: name }));
  });
  const spoken = names.map((name, n) => [name === "?" ? "not a digit" : name, probabilities[n]]);
  const best = spoken.sort(([, one], [, other]) => other - one).slice(0, 3);
  const ariaLabel = `Probabilities: ${best.map(([name, share]) => `${name} ${percent(share)}`).join(", ")}`;
  return make("div", { className: "bars", role: "img", ariaLabel }, ...bars);
}

function makeBox(found, { width, height }) {
  const [left, top, right, bottom] = found.box;
  const box = make("div", { className: `box ${kindOf(found)}` }, make("span", { textContent: character(found) }));
  box.style.left = `${(100 * left) / width}%`;
  box.style.top = `${(100 * top) / height}%`;
  box.style.width = `${(100 * (right - left)) / width}%`;
  box.style.height = `${(100 * (bottom - top)) / height}%`;
  box.classList.toggle("at-top", top < 0.07 * height);
  return box;
}

// start

function followTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const show = (dark) => {
    root.dataset.theme = dark ? "dark" : "light";
    byId("theme").ariaPressed = String(dark);
  };
  show(system.matches);
  system.addEventListener("change", () => show(system.matches));
  byId("theme").addEventListener("click", () => show(root.dataset.theme !== "dark"));
}

function describe({ recipe, version, network, parameters, weights }) {
  const kinds = network.layers.map(({ layer }) => layer).filter((kind) => kind !== "Dropout");
  byId("network-name").textContent = recipe;
  byId("network-size").textContent = parameters.toLocaleString("en");
  byId("network-layers").textContent = kinds.join(", ");
  byId("network-weights").textContent = weights === "int8" ? "8-bit integers with one scale per output" : "32-bit floats";
  byId("network-rejects").textContent = network.rejects ? "It was trained to reject what is not a digit." : "It was not trained to reject what is not a digit, so a letter may get a digit's name.";
  byId("version").textContent = `Written by digitnn ${version}.`;
}

function openPage() {
  followTheme();
  const data = JSON.parse(byId("network").textContent);
  describe(data);
  const network = loadNetwork(data);
  const classify = remember(network);
  const canvas = byId("canvas");
  let milliseconds = 0;
  let isWaiting = false;
  let example = 0;

  const read = (ended) => {
    const start = performance.now();
    const text = showAnswers(readDrawing(greyOf(canvas), classify), canvas, network.rejects);
    milliseconds = performance.now() - start;
    if (ended) byId("announcement").textContent = text ? `Drawn: ${text.split("\n").join(", ")}` : "Nothing drawn";
  };
  const drawing = new Drawing(canvas, ({ ended }) => {
    byId("invitation").hidden = !drawing.blank;
    byId("undo").disabled = !drawing.canUndo;
    byId("clear").disabled = drawing.blank;
    if (ended) read(true);
    if (ended || isWaiting || milliseconds > MAX_LIVE_MILLISECONDS) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      read(false);
    });
  });

  const actions = {
    undo: () => drawing.undo(),
    clear: () => drawing.clear(),
    example: () => drawing.load(writeLines(EXAMPLES[example++ % EXAMPLES.length], canvas)),
  };
  for (const [name, act] of Object.entries(actions)) {
    byId(name).addEventListener("click", () => {
      act();
      if (byId(name).disabled) byId("example").focus(); // the focus must not get lost
    });
  }
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key !== "z" || !drawing.canUndo) return;
    event.preventDefault();
    drawing.undo();
  });
  const setWidth = () => (drawing.width = Number(byId("pen").value));
  byId("pen").addEventListener("input", setWidth);
  setWidth();
  showAnswers([], canvas, network.rejects);
}

if (globalThis.document?.querySelector("#canvas")) openPage();
