// Bytes as pixels: images in ink, signed values in red (positive) and blue (negative).

const RED = [214, 62, 50];
const BLUE = [46, 112, 222];

const decode = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/** Return uint8 values, such as an image. */
export const unsignedBytes = (base64) => decode(base64);

/** Return int8 values. */
export const signedBytes = (base64) => new Int8Array(decode(base64).buffer);

/** Paint ink on transparent paper; CSS inverts it in the dark theme. */
export function paintInk(canvas, values, width, height) {
  paint(canvas, width, height, (n) => [0, 0, 0, values[n]]);
}

/** Paint values in -1..1: red positive, blue negative, transparent 0. */
export function paintSigned(canvas, values, width, height, scale = 1 / 127) {
  paint(canvas, width, height, (n) => signedPixel(values[n] * scale));
}

/** Paint signed values over a pale image. */
export function paintOverImage(canvas, image, values, width, height) {
  const ink = document.documentElement.dataset.theme === "dark" ? 235 : 20;
  paint(canvas, width, height, (n) => {
    const [red, green, blue, alpha] = signedPixel(values[n] / 127);
    const below = image[n] * 0.28;
    const total = alpha + below * (1 - alpha / 255);
    const mix = (colour) => (total ? (colour * alpha + ink * (total - alpha)) / total : 0);
    return [mix(red), mix(green), mix(blue), total];
  });
}

/** Paint equally large tiles (n, height, width) of signed values next to each other. */
export function paintTiles(canvas, values, [n, height, width], columns) {
  const rows = Math.ceil(n / columns);
  canvas.width = columns * (width + 1) - 1;
  canvas.height = rows * (height + 1) - 1;
  const pen = canvas.getContext("2d");
  for (let tile = 0; tile < n; tile++) {
    const pixels = pen.createImageData(width, height);
    const offset = tile * width * height;
    for (let k = 0; k < width * height; k++) pixels.data.set(signedPixel(values[offset + k] / 127), 4 * k);
    pen.putImageData(pixels, (tile % columns) * (width + 1), Math.floor(tile / columns) * (height + 1));
  }
}

/** Make a canvas transparent. */
export function wipe(canvas) {
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}

function signedPixel(value) {
  const [red, green, blue] = value > 0 ? RED : BLUE;
  return [red, green, blue, 255 * Math.min(1, Math.abs(value) ** 0.7)];
}

function paint(canvas, width, height, pixelAt) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const pen = canvas.getContext("2d");
  const pixels = pen.createImageData(width, height);
  for (let n = 0; n < width * height; n++) pixels.data.set(pixelAt(n), 4 * n);
  pen.putImageData(pixels, 0, 0);
}
