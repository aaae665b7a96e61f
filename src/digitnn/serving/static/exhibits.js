// The input image, its saliency, and the nearest training digits.

import { byId, make } from "/static/elements.js";
import { paintInk, paintOverImage, signedBytes, unsignedBytes, wipe } from "/static/planes.js";

const NEIGHBOURS = 8; // their places are kept free, so that nothing moves when they come

let last = null;

/** Show the image that the network gets. */
export function showImage(image) {
  paintInk(byId("image28"), image, 28, 28);
}

/** Show which pixels speak for the predicted digit and against its rival. */
export function showSaliency(image, saliency) {
  last = { image, saliency };
  const { predicted, rival, largest } = saliency;
  const values = signedBytes(saliency.against_rival);
  paintOverImage(byId("saliency"), image, values, 28, 28);
  byId("saliency-text").textContent =
    `Red pixels speak for ${predicted} rather than ${rival}, blue ones for ${rival}. ` +
    `The strongest pixel counts ${largest.toFixed(2)} nats.`;
  byId("saliency").ariaLabel = `Saliency: what speaks for ${predicted} rather than ${rival}`;
}

/** Paint again in the colours of the theme. */
export function repaintSaliency() {
  if (last) showSaliency(last.image, last.saliency);
}

/** Show training digits; `open(image, title)` is called for the one that is activated. */
export function showNeighbours(neighbours, open) {
  byId("neighbours").replaceChildren(
    ...neighbours.map(({ label, distance, image }) =>
      makeDigit(image, `${label}`, distance.toFixed(1), open, "distance"),
    ),
  );
}

/** Return a button with an image, a label and a second line; `quantity` names that line to screen readers. */
export function makeDigit(base64, label, detail, open, quantity = "") {
  const image = unsignedBytes(base64);
  const canvas = make("canvas", { className: "ink pixels", width: 28, height: 28 });
  canvas.setAttribute("aria-hidden", "true");
  paintInk(canvas, image, 28, 28);
  return make(
    "button",
    { type: "button", className: "thumb", on: { click: () => open(image) } },
    canvas,
    make("b", { textContent: label }),
    make("i", { className: "unseen", textContent: `, ${quantity} ` }),
    make("span", { textContent: detail }),
  );
}

/** Show empty frames. */
export function clearExhibits() {
  last = null;
  for (const id of ["image28", "saliency"]) wipe(byId(id));
  byId("saliency-text").textContent = "Red pixels speak for the answer, blue ones against it.";
  byId("neighbours").replaceChildren(...Array.from({ length: NEIGHBOURS }, () => make("span", { className: "thumb" })));
}
