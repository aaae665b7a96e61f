// Connected components of ink, and which of them belong to one digit.
//
// A box is [left, top, right, bottom]; right and bottom are exclusive.

const MAX_PART_GAP = 0.25; // between the parts of a digit, in heights of its larger part
const MAX_PART_HEIGHT = 0.6; // of a part above or below another, in heights of that
const MIN_PART_OVERLAP = 0.5; // side by side, in widths of the narrower part
const MAX_DOT_SIDE = 0.25; // of ink that is left out, in heights of the largest digit

/** Return {labels, boxes}: 0 for paper, n + 1 for the n-th 8-connected component of a mask. */
export function findComponents(mask, h, w) {
  const labels = new Int32Array(h * w);
  const boxes = [];
  const open = [];
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || labels[start]) continue;
    const label = boxes.length + 1;
    const box = [w, h, 0, 0];
    labels[start] = label;
    open.push(start);
    while (open.length) {
      const at = open.pop();
      const x = at % w;
      const y = (at - x) / w;
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x + 1);
      box[3] = Math.max(box[3], y + 1);
      for (let row = Math.max(y - 1, 0); row <= Math.min(y + 1, h - 1); row++) {
        for (let column = Math.max(x - 1, 0); column <= Math.min(x + 1, w - 1); column++) {
          const next = row * w + column;
          if (!mask[next] || labels[next]) continue;
          labels[next] = label;
          open.push(next);
        }
      }
    }
    boxes.push(box);
  }
  return { labels, boxes };
}

/** Return the lines of a drawing, from top to bottom: lists of digits from left to right.
 *
 * A digit is {box, parts}: the indices of its boxes. This looks at boxes only: there is no network
 * that tells a broken digit from two.
 */
export function groupDigits(boxes) {
  const groups = boxes.map((box, index) => ({ box, parts: [index] }));
  const pair = () => {
    for (let one = 0; one < groups.length; one++) {
      for (let other = one + 1; other < groups.length; other++) {
        if (areOneDigit(groups[one].box, groups[other].box)) return [one, other];
      }
    }
    return null;
  };
  for (let found = pair(); found; found = pair()) {
    const [one, other] = found;
    const [joined] = groups.splice(other, 1);
    groups[one] = { box: unite(groups[one].box, joined.box), parts: [...groups[one].parts, ...joined.parts] };
  }
  const largest = Math.max(...groups.map(({ box }) => heightOf(box)));
  return splitIntoLines(groups.filter(({ box }) => Math.max(heightOf(box), widthOf(box)) > MAX_DOT_SIDE * largest));
}

const widthOf = ([left, , right]) => right - left;
const heightOf = ([, top, , bottom]) => bottom - top;
const middleOf = ([, top, , bottom]) => (top + bottom) / 2;
const unite = (a, b) => [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];
const overlap = (a, b, axis) => Math.min(a[axis + 2], b[axis + 2]) - Math.max(a[axis], b[axis]);

/** Return whether two boxes are parts of one digit: the bar of a 5, the stem of an open 4. */
function areOneDigit(a, b) {
  const across = overlap(a, b, 0) / Math.min(widthOf(a), widthOf(b));
  if (across < MIN_PART_OVERLAP) return false;
  const [small, large] = [heightOf(a), heightOf(b)].sort((one, other) => one - other);
  const down = overlap(a, b, 1);
  return down > 0.5 * small || (down >= -MAX_PART_GAP * large && small <= MAX_PART_HEIGHT * large);
}

/** Put digits into lines: a digit is in the line of the nearest one before it at the same height. */
function splitIntoLines(digits) {
  const lines = [];
  for (const digit of [...digits].sort((a, b) => a.box[0] - b.box[0])) {
    const shared = (line) => {
      const last = line.at(-1).box;
      return overlap(last, digit.box, 1) / Math.min(heightOf(last), heightOf(digit.box));
    };
    const nearest = [...lines].sort((a, b) => shared(b) - shared(a))[0];
    if (nearest && shared(nearest) >= 0.4) nearest.push(digit);
    else lines.push([digit]);
  }
  const middle = (line) => line.reduce((sum, { box }) => sum + middleOf(box), 0) / line.length;
  return lines.sort((a, b) => middle(a) - middle(b));
}
