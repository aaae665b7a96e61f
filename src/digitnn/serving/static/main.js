// The page: what is drawn or opened goes to the API, what comes back is shown.

import { clearAnswers, buildAnswers, markChosen, showAnswers } from "/static/answers.js";
import { ApiError, explain, getModels, Latest, readPicture } from "/static/api.js";
import { buildComparison, showComparison } from "/static/compare.js";
import { Drawing, strokePath } from "/static/drawing.js";
import { byId, fillSelect, make, makeSvg, rove } from "/static/elements.js";
import { clearExhibits, repaintSaliency, showImage, showNeighbours, showSaliency } from "/static/exhibits.js";
import { buildLayers, clearLayers, showLayers } from "/static/layers.js";
import { showNotice } from "/static/notice.js";
import { connectOverlay, hideOverlay, showOverlay } from "/static/overlay.js";
import { hidePicture, hideReading, markBox, showPicture, showReading } from "/static/page.js";
import { watchPictures } from "/static/pictures.js";
import { unsignedBytes } from "/static/planes.js";
import { SAMPLES } from "/static/samples.js";
import { TrainingView } from "/static/training.js";
import { modelTitle } from "/static/wording.js";

const REST_MILLISECONDS = 300;
const NEXT_FOCUS = { clear: "undo", undo: "redo", redo: "undo" }; // once a button is disabled

const explaining = new Latest();
const reading = new Latest();
const searching = new Latest();

let catalogue = { models: [], data: false };
let model = "";
let drawing = null;
let training = null;
let subject = null; // what is explained: "drawing", an image (Uint8Array), or nothing
let place = null; // its box in the drawing, if it is one digit of several
let image = null; // the 28 x 28 image of the subject, once the server has found it
let several = false; // the drawing holds several digits, so one of them is opened
let picture = false; // a picture covers the drawing
let rest = 0;

// the subject and its explanation

function explainSubject() {
  explaining.ask(async (signal) => {
    const asked = subject;
    if (!asked) return;
    const body = asked === "drawing" ? await drawing.toPicture() : asked;
    showExplanation(await explain(body, { model, parts: ["stages", "saliency"] }, signal), asked);
  });
}

function showExplanation(found, asked) {
  if (asked !== subject || found.model !== model) return;
  if (found.blank) {
    clearFindings();
    return;
  }
  image = unsignedBytes(found.image);
  showImage(image);
  showAnswers(found.models, model);
  showComparison(found.models);
  showLayers(found.stages ?? []);
  if (found.saliency) showSaliency(image, found.saliency);
  showOverlay(image, found.saliency, asked === "drawing" ? found.box : place);
  training?.follow(image);
}

function findNeighbours() {
  if (!catalogue.data || !subject) return;
  searching.ask(async (signal) => {
    const asked = subject;
    if (!asked) return;
    const body = asked === "drawing" ? await drawing.toPicture() : asked;
    const { neighbours } = await explain(body, { model, parts: ["neighbours"] }, signal);
    if (asked === subject) showNeighbours(neighbours ?? [], openImage);
  });
}

/** Explain an image. box: where it lies in the drawing, if it does. */
function openImage(opened, box = null) {
  subject = opened;
  place = box;
  searching.cancel();
  explainSubject();
  findNeighbours();
}

function showNothing() {
  subject = null;
  explaining.cancel();
  searching.cancel();
  clearFindings();
}

function clearFindings() {
  image = null;
  clearAnswers();
  clearExhibits();
  hideOverlay();
  clearLayers();
  showComparison([]);
  training?.follow(null);
}

function chooseModel(name) {
  model = name;
  const { title, summary, parameters, stages, ...chosen } = catalogue.models.find((each) => each.name === name);
  byId("model").value = name;
  byId("inside-summary").textContent = `${title}: ${summary}. ${parameters.toLocaleString("en")} parameters.`;
  markChosen(name);
  buildLayers({ stages, ...chosen }, { data: catalogue.data, open: openImage });
  if (subject) explainSubject();
}

// the drawing

function drawingChanged({ ended }) {
  showTools();
  clearTimeout(rest);
  if (drawing.blank) {
    several = false;
    reading.cancel();
    hideReading();
    showNothing();
    return;
  }
  if (!several) {
    subject = "drawing";
    explainSubject();
  }
  if (ended) rest = setTimeout(drawingRests, REST_MILLISECONDS);
}

function drawingRests() {
  reading.ask(async (signal) => {
    const { pictures } = await readPicture(await drawing.toPicture(), { rotate: false }, signal);
    if (picture || drawing.blank) return;
    if (pictures[0].digits.length > 1) openOneOf(pictures[0]);
    else closeSeveral();
  });
}

/** Open the digit that was drawn last. */
function openOneOf(page) {
  several = true;
  showPage([page], 0);
  const at = drawing.lastPoint;
  const away = ({ box: [left, top, right, bottom] }) =>
    at ? Math.hypot(Math.max(left - at[0], at[0] - right, 0), Math.max(top - at[1], at[1] - bottom, 0)) : 0;
  const nearest = page.digits.reduce((best, digit) => (away(digit) < away(best) ? digit : best));
  openDigit(nearest, page.digits.indexOf(nearest));
}

function closeSeveral() {
  hideReading();
  if (several) {
    several = false;
    subject = "drawing";
    explainSubject();
  }
  findNeighbours();
}

function showTools() {
  byId("undo").disabled = picture || !drawing.canUndo;
  byId("redo").disabled = picture || !drawing.canRedo;
  byId("clear").disabled = !picture && drawing.blank;
  byId("erase").disabled = byId("show-saliency").disabled = picture;
  byId("invitation").hidden = picture || !drawing.blank;
  byId("clear").lastChild.textContent = picture ? "Close" : "Clear";
  byId("canvas").ariaLabel = drawing.blank
    ? "Drawing area, empty. Draw with mouse, finger or pen, or choose a sample below."
    : "Your drawing";
  const focused = document.activeElement;
  if (focused.disabled) byId(NEXT_FOCUS[focused.id])?.focus();
}

// pictures

async function openPicture(blob) {
  picture = true;
  clearTimeout(rest);
  reading.cancel();
  showNothing();
  hideReading();
  await showPicture(blob);
  showTools();
  reading.ask(async (signal) => {
    const { pictures } = await readPicture(blob, { rotate: true }, signal);
    if (picture) showPage(pictures, 0);
  });
}

function closePicture() {
  picture = false;
  reading.cancel();
  hidePicture();
  drawingChanged({ ended: true });
}

function showPage(pages, number) {
  const page = pages[number];
  const notes = page.error ? [page.error, ...(page.notes ?? [])] : page.notes;
  const turn = (to) => showPage(pages, to);
  showReading({ ...page, notes }, { count: pages.length, current: number, turn }, openDigit);
  if (picture && page.digits.length) openDigit(page.digits[0], 0);
}

function openDigit(digit, number) {
  markBox(number);
  openImage(unsignedBytes(digit.image), picture ? null : digit.box);
}

// controls

function buildSamples() {
  const buttons = SAMPLES.map((sample) => {
    const paths = sample.strokes.map((points) => makeSvg("path", { d: strokePath(points) }));
    const drawn = makeSvg("svg", { viewBox: "70 40 500 400", "aria-hidden": "true", "stroke-width": sample.width * 1.3 }, ...paths);
    const button = make("button", { type: "button", className: "sample", ariaLabel: sample.name, on: { click: () => loadSample(sample) } }, drawn);
    if (sample.title) button.append(make("span", { textContent: sample.title }));
    return button;
  });
  byId("samples").replaceChildren(...buttons);
  rove(byId("samples"), ".sample");
}

function loadSample(sample) {
  if (picture) {
    picture = false;
    hidePicture();
  }
  several = false;
  hideReading();
  drawing.load(sample);
}

function connectTools() {
  byId("undo").addEventListener("click", () => drawing.undo());
  byId("redo").addEventListener("click", () => drawing.redo());
  byId("clear").addEventListener("click", () => (picture ? closePicture() : drawing.clear()));
  byId("erase").addEventListener("click", ({ currentTarget }) => {
    drawing.erasing = !drawing.erasing;
    currentTarget.setAttribute("aria-pressed", String(drawing.erasing));
  });
  byId("brush").addEventListener("input", ({ target }) => (drawing.width = Number(target.value)));
  byId("model").addEventListener("change", ({ target }) => chooseModel(target.value));
  document.addEventListener("keydown", undoByKey);
  new MutationObserver(repaintSaliency).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}

function undoByKey(event) {
  const typing = event.target.matches("input:not([type=range]), select, textarea");
  if (picture || typing || !(event.ctrlKey || event.metaKey) || event.altKey) return;
  const key = event.key.toLowerCase();
  if (key === "y" || (key === "z" && event.shiftKey)) drawing.redo();
  else if (key === "z") drawing.undo();
  else return;
  event.preventDefault();
}

function showCatalogue(found) {
  catalogue = { ...found, models: found.models.map((each) => ({ ...each, title: modelTitle(each.name) })) };
  const { models, data } = catalogue;
  fillSelect(byId("model"), models.map(({ name, title }) => [name, title]));
  buildAnswers(models, chooseModel);
  buildComparison(models, data, openImage);
  byId("neighbours").hidden = !data;
  byId("neighbours-text").textContent = data
    ? "The eight MNIST digits with the smallest distance to the input, by pixels."
    : "The nearest training digits need MNIST on the server's disk.";
  byId("version").textContent = `digitnn ${catalogue.version}`;
  chooseModel(models.some(({ name }) => name === model) ? model : models[0].name);
}

async function start() {
  drawing = new Drawing(byId("canvas"), drawingChanged);
  drawing.width = Number(byId("brush").value);
  buildSamples();
  connectTools();
  connectOverlay();
  clearExhibits();
  watchPictures(openPicture);
  showCatalogue(await getModels());
  training = new TrainingView(catalogue, async () => showCatalogue(await getModels()));
  training.follow(image);
  document.documentElement.dataset.ready = "true";
}

start().catch((error) => {
  if (!(error instanceof ApiError)) throw error;
  showNotice(error.message);
});
