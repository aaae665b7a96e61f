// The drawing: strokes on a canvas, with undo and redo. `digitnn serve` has it too.

const ERASER_FACTOR = 2.2;

/** Draws on `canvas` and calls `changed({ended})` after each batch of pointer moves and each action. */
export class Drawing {
  #canvas;
  #pen;
  #changed;
  #steps = []; // {clears, strokes}: what undo takes back at once
  #undone = [];
  #current = null;

  width = 26;
  erasing = false;

  constructor(canvas, changed) {
    this.#canvas = canvas;
    this.#pen = canvas.getContext("2d", { willReadFrequently: true }); // it is read at every stroke
    this.#changed = changed;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.#end(event));
  }

  get blank() {
    return !this.#visible.some(({ erases }) => !erases);
  }

  get canUndo() {
    return this.#steps.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  /** The last point drawn, [x, y] in pixels of the canvas, or null. */
  get lastPoint() {
    return this.#visible.at(-1)?.points.at(-1) ?? null;
  }

  undo() {
    if (this.canUndo) this.#undone.push(this.#steps.pop());
    this.#redraw();
  }

  redo() {
    if (this.canRedo) this.#steps.push(this.#undone.pop());
    this.#redraw();
  }

  /** Remove everything; undo brings it back. */
  clear() {
    if (!this.#visible.length) return;
    this.#add([], true);
    this.#redraw();
  }

  /** Replace the drawing by a sample's strokes. */
  load({ strokes, width }) {
    this.#add(strokes.map((points) => ({ points, width, erases: false })), true);
    this.#redraw();
  }

  /** Return the drawing as a PNG, black on white. */
  toPicture() {
    const sheet = document.createElement("canvas");
    sheet.width = this.#canvas.width;
    sheet.height = this.#canvas.height;
    const pen = sheet.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, sheet.width, sheet.height);
    pen.drawImage(this.#canvas, 0, 0);
    return new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
  }

  get #visible() {
    const from = Math.max(0, this.#steps.findLastIndex(({ clears }) => clears));
    return this.#steps.slice(from).flatMap(({ strokes }) => strokes);
  }

  #add(strokes, clears = false) {
    this.#steps.push({ strokes, clears });
    this.#undone = [];
  }

  #begin(event) {
    if (!event.isPrimary || event.button > 0) return;
    event.preventDefault();
    this.#canvas.setPointerCapture(event.pointerId);
    const erases = this.erasing || event.button === 5;
    const width = this.width * (erases ? ERASER_FACTOR : 1);
    this.#current = { id: event.pointerId, points: [this.#pointOf(event)], width, erases };
    this.#add([this.#current]);
    this.#draw(this.#current, 0);
    this.#changed({ ended: false });
  }

  #move(event) {
    const stroke = this.#current;
    if (event.pointerId !== stroke?.id) return;
    const from = stroke.points.length;
    const batch = event.getCoalescedEvents?.() ?? [];
    for (const each of batch.length ? batch : [event]) stroke.points.push(this.#pointOf(each));
    this.#draw(stroke, from);
    this.#changed({ ended: false });
  }

  #end(event) {
    if (event.pointerId !== this.#current?.id) return;
    this.#current = null;
    this.#redraw();
  }

  #pointOf(event) {
    const frame = this.#canvas.getBoundingClientRect();
    return [
      ((event.clientX - frame.left) / frame.width) * this.#canvas.width,
      ((event.clientY - frame.top) / frame.height) * this.#canvas.height,
    ];
  }

  #redraw() {
    this.#pen.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    for (const stroke of this.#visible) this.#draw(stroke, 0);
    this.#changed({ ended: true });
  }

  /** Draw a stroke from its point number `from` on, as curves between the middles of its segments. */
  #draw({ points, width, erases }, from) {
    const pen = this.#pen;
    pen.globalCompositeOperation = erases ? "destination-out" : "source-over";
    traceStroke(pen, points, from);
    pen.lineWidth = width;
    pen.lineCap = "round";
    pen.lineJoin = "round";
    pen.stroke();
  }
}

function traceStroke(pen, points, from) {
  const middle = (n) => points[n].map((value, axis) => (value + points[n + 1][axis]) / 2);
  const first = Math.max(0, from - 2);
  pen.beginPath();
  pen.moveTo(...points[first]);
  if (first > 0) pen.moveTo(...middle(first));
  for (let n = first + 1; n < points.length - 1; n++) pen.quadraticCurveTo(...points[n], ...middle(n));
  pen.lineTo(...points.at(-1));
}

/** Return a stroke as an SVG path, the same curve as on the canvas. */
export function strokePath(points) {
  const commands = [];
  const pen = {
    beginPath() {},
    moveTo: (x, y) => commands.push(`M${x} ${y}`),
    lineTo: (x, y) => commands.push(`L${x} ${y}`),
    quadraticCurveTo: (...values) => commands.push(`Q${values.join(" ")}`),
  };
  traceStroke(pen, points, 0);
  return commands.join("");
}
