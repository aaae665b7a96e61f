// Normalise ink to a 28 x 28 image as in MNIST: digitnn/reader/ink, ported.
//
//     grey -> ink -> the digit's components -> 20 x 20, anti-aliased -> centred in 28 x 28
//
// A drawing is dark ink on white paper in even light, so light and polarity are not judged here.
// A plane is {h, w, values}: Uint8Array for grey, Float32Array for ink, 0 paper to 1 ink.

import { findComponents } from "./components.js";

const SIDE = 28;
const DIGIT_SIDE = 20;
const MAX_INK_SIDE = 512;
const MIN_CONTRAST = 0.04;
const NOISE_FACTOR = 5;
const EDGE_INK = 0.15; // ink above it belongs to a component,
const CORE_INK = 0.5; // which needs ink above this somewhere
const MIN_LARGEST_SHARE = 0.25;
const DOT_STROKE_WIDTHS = [0.7, 2.5];
const MAX_STRIP_SHARE = 0.2;
const FINE_SIDE = 80;
const MIN_STROKE_WIDTH = 1.7; // in pixels of the image

const f32 = Math.fround; // NumPy rounds to float32 after each operation
const EDGE_LEVEL = f32(EDGE_INK);
const LEVELS = Uint8Array.from({ length: 256 }, (_, level) => level);

/** Return the image of a drawing's single digit, or null if there is none. */
export function normalise(grey) {
  const found = findInk(grey);
  const mask = found && chooseDigit(found.ink);
  return mask && imageFromInk(found.ink, mask);
}

/** Return {ink, reduction}, where one pixel of ink is as many of `grey`, each way; null if blank. */
export function findInk(grey) {
  const reduction = Math.ceil(Math.max(grey.h, grey.w) / MAX_INK_SIDE);
  const { h, w, values } = reduce(grey, reduction);
  const contrasts = mapTo(Float32Array, LEVELS, (level) => 1 - f32(level / 255));
  const { paper, noise } = measurePaper(values, contrasts);
  const smooth = contrasts.map((contrast) => contrast - f32(paper));
  const threshold = Math.max(MIN_CONTRAST, NOISE_FACTOR * noise);
  const strong = countLevels(values).map((count, level) => (smooth[level] > threshold ? count : 0));
  const typical = percentile(strong, smooth, 90);
  if (typical < 1.3 * threshold || typical < 2 * MIN_CONTRAST) return null;
  const foot = Math.min((noise * NOISE_FACTOR) / 2, typical / 3);
  const range = f32(typical - foot);
  const inkOf = smooth.map((value) => Math.min(Math.max(f32(value - f32(foot)) / range, 0), 1));
  return { ink: { h, w, values: mapTo(Float32Array, values, (level) => inkOf[level]) }, reduction };
}

/** Return the components of ink, with the sum of the ink of each. */
export function inkComponents({ h, w, values }) {
  const found = findComponents(mapTo(Uint8Array, values, (value) => (value > EDGE_LEVEL ? 1 : 0)), h, w);
  const sums = new Float64Array(found.boxes.length);
  const hasCore = new Uint8Array(found.boxes.length);
  values.forEach((value, at) => {
    const n = found.labels[at] - 1;
    if (n < 0) return;
    sums[n] += value;
    if (value > CORE_INK) hasCore[n] = 1;
  });
  return { ...found, sums, hasCore };
}

/** Return a mask of the digit: its components without specks and parts of neighbours, or null. */
export function chooseDigit(ink) {
  const { h, w } = ink;
  const { labels, boxes, sums, hasCore } = inkComponents(ink);
  const touches = boxes.map(([left, top, right, bottom]) => left === 0 || top === 0 || right === w || bottom === h);
  const able = boxes.map((box, n) => hasCore[n] && !isBorderStrip(box, h, w));
  const counted = boxes.map((_, n) => (able[n] ? sums[n] / (touches[n] ? 3 : 1) : 0));
  const most = Math.max(0, ...counted);
  const kept = counted.map((value) => value >= most / 10);
  const largest = Math.max(...sums.filter((_, n) => kept[n]));
  if (most === 0 || largest < MIN_LARGEST_SHARE * sums.reduce((total, sum) => total + sum)) return null;
  const digit = maskOf(labels, kept);
  const isDot = dotsOf(boundingBox(digit, h, w), { h, w, values: ink.values.map((v, at) => v * digit[at]) });
  const dots = boxes.map((box, n) => !kept[n] && able[n] && !touches[n] && isDot(box));
  return dots.some(Boolean) ? maskOf(labels, kept.map((keep, n) => keep || dots[n])) : digit;
}

/** Return the pixels of the chosen components as 1, all others as 0. */
export function maskOf(labels, chosen) {
  return mapTo(Uint8Array, labels, (label) => (label > 0 && chosen[label - 1] ? 1 : 0));
}

/** Return the ink in a box and a little around it, without the components that are not chosen. */
export function cutOut({ h, w, values }, labels, chosen, box) {
  const [left, top] = box.slice(0, 2).map((side) => Math.max(side - 2, 0));
  const right = Math.min(box[2] + 2, w);
  const bottom = Math.min(box[3] + 2, h);
  const wide = right - left;
  const ink = new Float32Array(wide * (bottom - top));
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const label = labels[y * w + x];
      if (label === 0 || chosen[label - 1]) ink[(y - top) * wide + x - left] = values[y * w + x];
    }
  }
  return { h: bottom - top, w: wide, values: ink };
}

/** Return the 28 x 28 image, 0 paper to 255 ink, of the ink under a mask. */
export function imageFromInk(ink, mask) {
  const { h, w, values } = ink;
  const box = boundingBox(mask, h, w);
  // soft edges have a faint outside, below EDGE_INK: dilate the mask by one pixel
  const covered = dilateMask(mask, h, w);
  const square = cropToSquare({ h, w, values: values.map((value, at) => value * covered[at]) }, box);
  return centreByMass(scaleToBox(thickenThinStrokes(square)));
}

function isBorderStrip([left, top, right, bottom], h, w) {
  const at = [left === 0, top === 0, right === w, bottom === h];
  const leftOrRight = right - left <= w * MAX_STRIP_SHARE && at[1] && at[3] && at[0] !== at[2];
  const topOrBottom = bottom - top <= h * MAX_STRIP_SHARE && at[0] && at[2] && at[1] !== at[3];
  return leftOrRight || topOrBottom;
}

/** Return a function that says whether a box is a dot above or below the digit: as large as its strokes are wide. */
function dotsOf([left, top, right, bottom], ink) {
  const [least, most] = DOT_STROKE_WIDTHS.map((factor) => factor * strokeWidth(ink));
  return (box) => {
    const sides = [box[2] - box[0], box[3] - box[1]];
    const middle = (box[0] + box[2]) / 2;
    const gap = Math.max(top - box[3], box[1] - bottom);
    const isSized = sides.every((side) => side >= least && side <= most);
    return isSized && middle >= left && middle <= right && gap >= 0 && gap <= (bottom - top) / 2;
  };
}

function boundingBox(mask, h, w) {
  const box = [w, h, 0, 0];
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      if (!mask[y * w + x]) continue;
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x + 1);
      box[3] = Math.max(box[3], y + 1);
    }
  }
  return box;
}

function dilateMask(mask, h, w) {
  const dilated = new Uint8Array(h * w);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      if (!mask[y * w + x]) continue;
      for (let row = Math.max(y - 1, 0); row <= Math.min(y + 1, h - 1); row++) {
        dilated.fill(1, row * w + Math.max(x - 1, 0), row * w + Math.min(x + 2, w));
      }
    }
  }
  return dilated;
}

/** Return the ink in a box, centred in the smallest square that holds it. */
function cropToSquare({ w, values }, [left, top, right, bottom]) {
  const high = bottom - top;
  const wide = right - left;
  const side = Math.max(high, wide);
  const y = Math.floor((side - high) / 2);
  const x = Math.floor((side - wide) / 2);
  const square = new Float32Array(side * side);
  for (let row = 0; row < high; row++) {
    const from = (top + row) * w + left;
    square.set(values.subarray(from, from + wide), (y + row) * side + x);
  }
  return { h: side, w: side, values: square };
}

/** Return the mean stroke width: 2 area / outline length, which is the total variation times pi / 4. */
function strokeWidth({ h, w, values }) {
  let variation = 0;
  let area = 0;
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const at = y * w + x;
      const value = values[at];
      area += value;
      variation += Math.abs(value - (y > 0 ? values[at - w] : 0)) + Math.abs(value - (x > 0 ? values[at - 1] : 0));
      variation += (y === h - 1 ? value : 0) + (x === w - 1 ? value : 0);
    }
  }
  return (2 * area) / ((variation * Math.PI) / 4);
}

/** Return the digit with strokes at least MIN_STROKE_WIDTH wide; a thin pen would fade to nothing. */
function thickenThinStrokes(square) {
  if ((strokeWidth(square) * DIGIT_SIDE) / square.h >= MIN_STROKE_WIDTH) return square;
  const fine = resampleFinely(square);
  const pixel = DIGIT_SIDE / fine.h;
  const radius = Math.max(roundHalfEven((MIN_STROKE_WIDTH / pixel - strokeWidth(fine)) / 2), 0);
  return dilateByDisc(fine, radius);
}

/** Resample to 80 to 160 pixels a side, by the maximum of each block or by interpolation. */
function resampleFinely(square) {
  const block = Math.floor(square.h / FINE_SIDE);
  if (block <= 1) return resizeBicubic(square, Math.max(square.h, FINE_SIDE));
  const side = Math.ceil(square.h / block);
  const fine = new Float32Array(side * side);
  for (let y = 0; y < square.h; y++) {
    for (let x = 0; x < square.h; x++) {
      const to = Math.floor(y / block) * side + Math.floor(x / block);
      fine[to] = Math.max(fine[to], square.values[y * square.h + x]);
    }
  }
  return { h: side, w: side, values: fine };
}

/** Return the maximum ink within `radius` pixels, on a plane larger by that on each side. */
function dilateByDisc({ h, values }, radius) {
  const side = h + 2 * radius;
  const dilated = new Float32Array(side * side);
  for (let down = -radius; down <= radius; down++) {
    const half = Math.min(Math.floor(Math.sqrt(radius ** 2 - down ** 2 + radius)), radius);
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < h; x++) {
        const value = values[y * h + x];
        if (value <= 0) continue;
        const to = (y + radius + down) * side + x + radius;
        for (let i = to - half; i <= to + half; i++) if (dilated[i] < value) dilated[i] = value;
      }
    }
  }
  return { h: side, w: side, values: dilated };
}

/** Scale to 20 x 20 by area means, or by bicubic interpolation when enlarging. */
function scaleToBox(square) {
  const side = square.h;
  if (side === DIGIT_SIDE) return square.values;
  const small = side < DIGIT_SIDE ? resizeBicubic(square, DIGIT_SIDE).values : shrink(square);
  const largest = small.reduce((most, value) => Math.max(most, value));
  return small.map((value) => Math.min(Math.max(value / largest, 0), 1));
}

function shrink({ h: side, values }) {
  const weights = areaWeights(side);
  const rows = new Float32Array(DIGIT_SIDE * side);
  const small = new Float32Array(DIGIT_SIDE * DIGIT_SIDE);
  for (let y = 0; y < DIGIT_SIDE; y++) {
    for (let x = 0; x < side; x++) {
      rows[y * side + x] = weights[y].reduce((sum, [from, weight]) => sum + weight * values[from * side + x], 0);
    }
  }
  for (let y = 0; y < DIGIT_SIDE; y++) {
    for (let x = 0; x < DIGIT_SIDE; x++) {
      small[y * DIGIT_SIDE + x] = weights[x].reduce((sum, [from, weight]) => sum + weight * rows[y * side + from], 0);
    }
  }
  return small;
}

/** Return for each of 20 equal areas of a row the pixels in it, [index, share]. */
function areaWeights(many) {
  const edges = Array.from({ length: DIGIT_SIDE + 1 }, (_, n) => n * (many / DIGIT_SIDE));
  const covered = (edge, pixel) => Math.min(Math.max(edge - pixel, 0), 1);
  return edges.slice(1).map((end, n) => {
    const found = [];
    for (let pixel = Math.floor(edges[n]); pixel < Math.min(Math.ceil(end), many); pixel++) {
      found.push([pixel, f32((covered(end, pixel) - covered(edges[n], pixel)) * (DIGIT_SIDE / many))]);
    }
    return found;
  });
}

/** Move the centre of mass by whole pixels to the centre; no ink leaves the image. */
function centreByMass(digit) {
  const sums = [0, 0];
  let total = 0;
  digit.forEach((value, at) => {
    total += value;
    sums[0] += value * Math.floor(at / DIGIT_SIDE);
    sums[1] += value * (at % DIGIT_SIDE);
  });
  const [y, x] = sums.map((sum) => Math.min(Math.max(roundHalfEven(SIDE / 2 - sum / total), 0), SIDE - DIGIT_SIDE));
  const image = new Uint8Array(SIDE * SIDE);
  digit.forEach((value, at) => {
    const to = (y + Math.floor(at / DIGIT_SIDE)) * SIDE + x + (at % DIGIT_SIDE);
    image[to] = roundHalfEven(f32(value * 255));
  });
  return image;
}

// What NumPy and Pillow do

/** Return a typed array of what `convert` makes of each value; `Kind.from` is many times slower. */
export function mapTo(Kind, values, convert) {
  const converted = new Kind(values.length);
  for (let at = 0; at < values.length; at++) converted[at] = convert(values[at], at);
  return converted;
}

/** Reduce by an integer, as Pillow's Image.reduce: means of blocks, in fixed-point numbers. */
function reduce(plane, factor) {
  if (factor <= 1) return plane;
  const h = Math.ceil(plane.h / factor);
  const w = Math.ceil(plane.w / factor);
  const values = new Uint8Array(h * w);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const rows = Math.min(factor, plane.h - y * factor);
      const columns = Math.min(factor, plane.w - x * factor);
      const pixels = rows * columns;
      let sum = Math.floor(pixels / 2);
      for (let row = y * factor; row < y * factor + rows; row++) {
        const from = row * plane.w + x * factor;
        for (let i = from; i < from + columns; i++) sum += plane.values[i];
      }
      values[y * w + x] = Math.floor((sum * Math.floor(f32(2 ** 24 / pixels))) / 2 ** 24);
    }
  }
  return { h, w, values };
}

/** Resize a square to a larger one, as Pillow does bicubically. */
function resizeBicubic({ h: from, values }, to) {
  if (from === to) return { h: to, w: to, values };
  const taps = bicubicTaps(from, to);
  const rows = new Float32Array(from * to);
  const resized = new Float32Array(to * to);
  for (let y = 0; y < from; y++) {
    for (let x = 0; x < to; x++) {
      rows[y * to + x] = taps[x].reduce((sum, [at, weight]) => sum + weight * values[y * from + at], 0);
    }
  }
  for (let y = 0; y < to; y++) {
    for (let x = 0; x < to; x++) {
      resized[y * to + x] = taps[y].reduce((sum, [at, weight]) => sum + weight * rows[at * to + x], 0);
    }
  }
  return { h: to, w: to, values: resized };
}

function bicubicTaps(from, to) {
  const a = -0.5;
  const kernel = (distance) => {
    const x = Math.abs(distance);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
  };
  return Array.from({ length: to }, (_, n) => {
    const centre = (n + 0.5) * (from / to);
    const first = Math.max(Math.trunc(centre - 2 + 0.5), 0);
    const end = Math.min(Math.trunc(centre + 2 + 0.5), from);
    const taps = Array.from({ length: end - first }, (_, i) => [first + i, kernel(first + i - centre + 0.5)]);
    const sum = taps.reduce((total, [, weight]) => total + weight, 0);
    return taps.map(([at, weight]) => [at, weight / sum]);
  });
}

/** Return the median of the paper's contrast, and its distance to the 16th percentile. */
function measurePaper(values, contrasts) {
  const step = Math.max(1, Math.floor(values.length / 100_000));
  const counts = countLevels(values, step);
  const scaled = contrasts.map((contrast) => Math.min(Math.trunc(f32(f32(contrast * 255) + 64)), 255));
  const scaledCounts = new Float64Array(256);
  counts.forEach((count, level) => (scaledCounts[scaled[level]] += count));
  const threshold = otsu(scaledCounts);
  const ofPaper = counts.map((count, level) => (scaled[level] <= threshold ? count : 0));
  const paper = percentile(ofPaper, contrasts, 50);
  return { paper, noise: paper - percentile(ofPaper, contrasts, 16) };
}

/** Return how many of every `step`-th value have each grey level. */
function countLevels(values, step = 1) {
  const counts = new Float64Array(256);
  for (let at = 0; at < values.length; at += step) counts[values[at]]++;
  return counts;
}

/** Return the t that minimises the variance within the classes <= t and > t (Otsu 1979). */
function otsu(counts) {
  const total = counts.reduce((all, count) => all + count);
  const sum = counts.reduce((all, count, value) => all + count * value, 0);
  let below = 0;
  let sumBelow = 0;
  const between = counts.map((count, value) => {
    below += count;
    sumBelow += count * value;
    const product = below * (total - below);
    return product > 0 ? (sumBelow * total - sum * below) ** 2 / product : 0;
  });
  const most = Math.max(...between);
  const best = [...between.keys()].filter((value) => between[value] === most);
  return best[Math.floor(best.length / 2)];
}

/** Return a percentile of values given by their counts, interpolated; of none, 0.
 *
 * The values fall as their grey levels rise.
 */
function percentile(counts, values, percent) {
  const n = counts.reduce((all, count) => all + count);
  if (n === 0) return 0;
  const valueAt = (rank) => {
    let level = 255;
    for (let seen = counts[level]; seen <= rank; seen += counts[level]) level--;
    return values[level];
  };
  const at = (percent / 100) * (n - 1);
  const low = Math.floor(at);
  const first = valueAt(low);
  return first + (valueAt(Math.min(low + 1, n - 1)) - first) * (at - low);
}

function roundHalfEven(value) {
  const low = Math.floor(value);
  const rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
}
