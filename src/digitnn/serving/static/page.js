// A page of digits: boxes on the picture, the text, the notes.

import { byId, make, rove } from "/static/elements.js";
import { unsignedBytes } from "/static/planes.js";
import { count, percent } from "/static/wording.js";

const SURE = 0.9;
const TOUCH_PIXELS = 24;

const drawingSize = () => [byId("canvas").width, byId("canvas").height];

let size = drawingSize(); // of what the boxes lie on; null for a picture that the browser cannot draw

/** Show a picture on the stage instead of the drawing. Files that the browser cannot draw stay blank. */
export async function showPicture(blob) {
  const canvas = byId("picture");
  const bitmap = await createImageBitmap(blob).catch(() => null);
  if (bitmap) {
    const scale = Math.min(1, 2000 / Math.max(bitmap.width, bitmap.height));
    canvas.width = Math.round(bitmap.width * scale);
    canvas.height = Math.round(bitmap.height * scale);
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    size = [bitmap.width, bitmap.height];
    bitmap.close();
  } else {
    size = null;
  }
  setStage("picture");
}

/** Show the drawing on the stage. */
export function hidePicture() {
  size = drawingSize();
  setStage("drawing");
  hideReading();
}

/** Show one page of a reading; `open(digit)` is called for the digit that is activated. */
export function showReading(reading, pages, open) {
  size ??= blankSheet(reading);
  byId("reading").hidden = false;
  byId("read-text").textContent = reading.text || "No digits found.";
  byId("read-text").classList.toggle("hint", !reading.text);
  byId("read-summary").textContent = summary(reading);
  byId("read-notes").replaceChildren(...reading.notes.map((note) => make("li", { textContent: note })));
  byId("read-pages").hidden = pages.count < 2;
  byId("read-pages").replaceChildren(...pageButtons(pages));
  showBoxes(reading.digits, open);
}

export function hideReading() {
  byId("reading").hidden = true;
  byId("boxes").hidden = true;
  byId("boxes").replaceChildren();
}

/** Mark the box of the digit that is open. */
export function markBox(number) {
  [...byId("boxes").children].forEach((box, n) => box.setAttribute("aria-pressed", String(n === number)));
}

function setStage(mode) {
  byId("stage").dataset.mode = mode;
  byId("canvas").hidden = mode !== "drawing";
  byId("picture").hidden = mode === "drawing";
}

function showBoxes(digits, open) {
  const boxes = byId("boxes");
  boxes.replaceChildren(...digits.map((digit, number) => makeBox(digit, () => open(digit, number))));
  boxes.hidden = !digits.length;
  rove(boxes, "button");
  boxes.onclick = (event) => {
    if (event.target === boxes) nearestBox(boxes, event)?.click();
  };
}

function makeBox({ digit, symbol, confidence, box }, open) {
  const [left, top, right, bottom] = box;
  const shown = symbol || (digit ?? "?");
  const kind = digit === null && !symbol ? "rejected" : confidence < SURE ? "unsure" : "sure";
  const element = make(
    "button",
    { type: "button", className: `box ${kind}`, ariaPressed: "false" },
    make("span", {}, make("b", { textContent: shown }), make("i", { textContent: `, ${percent(confidence)}` })),
  );
  const share = (value, whole) => `${(100 * value) / whole}%`;
  element.style.left = share(left, size[0]);
  element.style.top = share(top, size[1]);
  element.style.width = share(right - left, size[0]);
  element.style.height = share(bottom - top, size[1]);
  element.classList.toggle("at-top", top < 0.05 * size[1]);
  element.classList.toggle("at-right", left > 0.8 * size[0]);
  element.addEventListener("click", open);
  return element;
}

/** Return the box within reach of a fingertip; boxes themselves may be smaller than that. */
function nearestBox(boxes, { clientX, clientY }) {
  const distance = (box) => {
    const { left, right, top, bottom } = box.getBoundingClientRect();
    return Math.hypot(Math.max(left - clientX, clientX - right, 0), Math.max(top - clientY, clientY - bottom, 0));
  };
  const near = [...boxes.children].map((box) => [distance(box), box]).sort(([one], [other]) => one - other)[0];
  return near && near[0] <= TOUCH_PIXELS ? near[1] : null;
}

function summary({ digits }) {
  const rejected = digits.filter(({ digit, symbol }) => digit === null && !symbol).length;
  const unsure = digits.filter(({ digit, confidence }) => digit !== null && confidence < SURE).length;
  const parts = [count(digits.length - rejected, "digit")];
  if (unsure) parts.push(`${unsure} below ${percent(SURE)}`);
  if (rejected) parts.push(`${rejected} rejected`);
  return digits.length ? `${parts.join(", ")}. Choose one to look inside.` : "";
}

function pageButtons({ count: pages, current, turn }) {
  return Array.from({ length: pages }, (_, page) =>
    make("button", { type: "button", textContent: `Page ${page + 1}`, ariaPressed: String(page === current), on: { click: () => turn(page) } }),
  );
}

/** Stand in for a page that the browser cannot draw: white, with the images of its digits. */
function blankSheet({ digits }) {
  const margin = 40;
  const width = Math.max(400, ...digits.map(({ box }) => box[2])) + margin;
  const height = Math.max(300, ...digits.map(({ box }) => box[3])) + margin;
  const canvas = byId("picture");
  const scale = Math.min(1, 2000 / Math.max(width, height));
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  for (const { box, image } of digits) if (image) drawGlyph(pen, unsignedBytes(image), box, scale);
  return [width, height];
}

function drawGlyph(pen, image, [left, top, right, bottom], scale) {
  const glyph = new ImageData(28, 28);
  image.forEach((value, n) => (glyph.data[4 * n + 3] = value));
  const sheet = new OffscreenCanvas(28, 28);
  sheet.getContext("2d").putImageData(glyph, 0, 0);
  const side = Math.max(right - left, bottom - top) * 1.4 * scale;
  pen.drawImage(sheet, ((left + right) * scale - side) / 2, ((top + bottom) * scale - side) / 2, side, side);
}
