// Saliency over the drawing itself.

import { byId } from "/static/elements.js";
import { paintSigned, signedBytes } from "/static/planes.js";

const DIGIT_SIDE = 20; // the longer side of a digit in its 28 x 28 image

let on = false;
let shown = false;

/** Connect the button that turns the overlay on and off. */
export function connectOverlay() {
  byId("show-saliency").addEventListener("click", ({ currentTarget }) => {
    on = !on;
    currentTarget.setAttribute("aria-pressed", String(on));
    update();
  });
}

/** Lay the saliency of an image over the digit that it was made from. box: in pixels of the drawing. */
export function showOverlay(image, saliency, box) {
  shown = Boolean(saliency && box);
  if (shown) {
    paintSigned(byId("overlay"), signedBytes(saliency.against_rival), 28, 28);
    place(byId("overlay").style, image, box);
  }
  update();
}

export function hideOverlay() {
  shown = false;
  update();
}

function update() {
  byId("overlay").hidden = !(on && shown);
  byId("stage").classList.toggle("salient", on && shown);
}

/** Cover the 28 x 28 pixels of the image, so that the ink in it lies on the ink of the drawing. */
function place(style, image, [left, top, right, bottom]) {
  const { width, height } = byId("canvas");
  const scale = Math.max(right - left, bottom - top) / DIGIT_SIDE;
  const [x, y] = middleOfInk(image);
  style.left = `${(100 * ((left + right) / 2 - scale * x)) / width}%`;
  style.top = `${(100 * ((top + bottom) / 2 - scale * y)) / height}%`;
  style.width = `${(100 * 28 * scale) / width}%`;
}

/** Return the middle of the bounding box of the ink, [x, y]. */
function middleOfInk(image) {
  const inked = [...image.keys()].filter((n) => image[n]);
  const middle = (values) => (Math.min(...values) + Math.max(...values) + 1) / 2;
  return [middle(inked.map((n) => n % 28)), middle(inked.map((n) => Math.floor(n / 28)))];
}
