// Samples as strokes, in a box 20 wide and 28 high. A corner is a point given twice.

const PLAIN = [
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

const SLANTED = [
  ["13,1 7,4 3,13 4,24 8,27 14,22 17,12 16,4 12,1 10,2"],
  ["4,9 12,1 12,1 10,27"],
  ["4,6 8,1 14,2 15,8 10,17 4,25 4,25 7,23 12,26 17,25"],
  ["4,2 16,2 16,2 9,11 9,11 15,13 16,19 13,25 7,27 2,24"],
  ["14,27 15,1 15,1 2,18 2,18 19,18"],
  ["6,2 4,12 4,12 10,10 15,13 15,19 12,25 7,27 2,25", "6,2 17,1"],
  ["12,1 6,9 3,18 4,25 9,27 15,24 15,18 11,16 7,17 4,21"],
  ["3,3 17,2 17,2 8,27", "6,14 16,13"],
  ["11,1 6,4 6,9 10,12 15,9 16,4 11,1", "10,12 4,17 3,23 8,27 15,24 16,17 10,12"],
  ["15,5 10,1 5,4 4,10 8,14 13,11 15,5 15,5 15,16 12,24 6,27"],
];

const STYLES = [PLAIN, SLANTED];

const parse = (stroke) => stroke.split(" ").map((point) => point.split(",").map(Number));

const glyph = (digit, style, scale, left, top) =>
  STYLES[style][digit].map((stroke) => parse(stroke).map(([x, y]) => [left + scale * x, top + scale * y]));

const single = (digit, style) => ({
  name: `Digit ${digit}, ${style ? "slanted" : "plain"}`,
  strokes: glyph(digit, style, 11.5, 205, 79),
  width: 26,
});

const LINES = ["20472", "93518"];

const several = {
  name: `Several digits: ${LINES.join(" and ")}`,
  title: "Several digits",
  strokes: LINES.flatMap((line, row) =>
    [...line].flatMap((digit, n) => glyph(Number(digit), (n + row) % 2, 4.8, 60 + 108 * n, 60 + 220 * row)),
  ),
  width: 12,
};

/** Samples for a canvas of 640 x 480: {name, title (of the last), strokes: [[x, y], ...][], width}. */
export const SAMPLES = [
  ...STYLES.flatMap((digits, style) => digits.map((_, digit) => single(digit, style))),
  several,
];
