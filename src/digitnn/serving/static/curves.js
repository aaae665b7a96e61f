// A line chart that grows.

import { makeSvg } from "/static/elements.js";

const WIDTH = 360;
const HEIGHT = 200;
const LEFT = 40;
const RIGHT = 8;
const TOP = 10;
const BOTTOM = 26;

/** Plots the series "training" and "validation" over the share of the training that is done. */
export class Curves {
  #svg;
  #name;
  #range;
  #format;
  #points = { training: [], validation: [] };
  #scheduled = false;

  /** range: a function of all values that returns [lowest, highest] of the axis. */
  constructor(svg, { name, range, format }) {
    this.#svg = svg;
    this.#name = name;
    this.#range = range;
    this.#format = format;
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.#draw();
  }

  add(series, done, value) {
    this.#points[series].push([done, value]);
    this.#schedule();
  }

  clear() {
    this.#points = { training: [], validation: [] };
    this.#schedule();
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#draw();
    });
  }

  #draw() {
    const values = Object.values(this.#points).flat().map(([, value]) => value);
    const [low, high] = values.length ? this.#range(values) : [0, 1];
    const x = (done) => LEFT + done * (WIDTH - LEFT - RIGHT);
    const y = (value) => TOP + (1 - (Math.min(high, Math.max(low, value)) - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
    const parts = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => {
      const value = low + share * (high - low);
      const line = makeSvg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value), class: "grid" });
      const text = makeSvg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, this.#format(value));
      return [line, text];
    });
    for (const done of [0, 0.5, 1]) {
      const anchor = done === 0 ? "start" : done === 1 ? "end" : "middle";
      parts.push(makeSvg("text", { x: x(done), y: HEIGHT - 6, "text-anchor": anchor }, `${100 * done} %`));
    }
    const path = (points) => points.map(([done, value], n) => `${n ? "L" : "M"}${x(done).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    parts.push(makeSvg("path", { d: path(this.#points.training), class: "line training" }));
    parts.push(makeSvg("path", { d: path(this.#points.validation), class: "line validation" }));
    for (const [done, value] of this.#points.validation)
      parts.push(makeSvg("circle", { cx: x(done), cy: y(value), r: 4, class: "dot" }));
    this.#svg.replaceChildren(...parts);
    this.#svg.setAttribute("aria-label", values.length ? `${this.#name}, last ${this.#format(values.at(-1))}` : `${this.#name}, nothing yet`);
  }
}
