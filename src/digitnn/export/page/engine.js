// The inference engine: typed arrays and plain loops. Numbers are doubles, whatever the weights are.
//
// Activations lie in planes, x[(c * h + row) * w + column], as in PyTorch.
// Axes: c channels, h w pixels, d inputs, u outputs, p positions.

const ROWS = 4; // outputs that `multiply` computes at once

/** Return {rejects, logits(image), probabilities(logits)} of a network. data: what the file holds. */
export function loadNetwork({ network, arrays }) {
  const layers = [];
  let shape = network.input;
  for (const [index, layer] of network.layers.entries()) {
    const make = LAYERS[layer.layer];
    if (!make) throw new Error(`layer ${index}: unknown kind ${layer.layer}`);
    const own = (name) => decodeArray(arrays[`${index}.${name}`]);
    const made = make(layer, shape, own);
    layers.push(made.run);
    shape = made.shape;
  }
  const { mean, std } = network.standardise;
  const logits = (image) => {
    let x = new Float64Array(image).map((pixel) => (pixel - mean) / std);
    for (const run of layers) x = run(x);
    return x;
  };
  const rejects = network.rejects === true;
  return { rejects, logits, probabilities: (z) => probabilities(z, network.temperature, rejects) };
}

/** Return softmax(z / T). If the network rejects, a last class with logit 0 stands for "not a digit". */
function probabilities(logits, temperature, rejects) {
  const z = Array.from(logits, (value) => value / temperature);
  if (rejects) z.push(0);
  const largest = Math.max(...z);
  const powers = z.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((total, power) => total + power);
  return powers.map((power) => power / sum);
}

// Each layer: (description, input shape, parameters by name) to {shape of the output, run(x)}.

const LAYERS = {
  Dense({ units }, [d], own) {
    const weights = packRows(own("weight"), units, d);
    const bias = own("bias");
    const run = (x) => addBias(multiply(weights, x, units, d, 1), bias, 1);
    return { shape: [units], run };
  },

  /** Cross-correlation, as a product of the kernels with the patches of the input. */
  Conv2d({ channels, kernel, stride, padding }, [c, h, w], own) {
    const d = c * kernel * kernel;
    const weights = packRows(own("weight"), channels, d);
    const bias = own("bias");
    const rows = Math.floor((h + 2 * padding - kernel) / stride) + 1;
    const columns = Math.floor((w + 2 * padding - kernel) / stride) + 1;
    const p = rows * columns;
    const run = (x) => {
      const patches = cutPatches(pad(x, c, h, w, padding), c, h + 2 * padding, w + 2 * padding, kernel, stride);
      return addBias(multiply(weights, patches, channels, d, p), bias, p);
    };
    return { shape: [channels, rows, columns], run };
  },

  MaxPool2d: ({ size }, shape) => pool(size, shape, (sum, value) => Math.max(sum, value), -Infinity, 1),

  AveragePool2d: ({ size }, shape) => pool(size, shape, (sum, value) => sum + value, 0, size * size),

  Crop({ margin }, [c, h, w]) {
    const rows = h - 2 * margin;
    const columns = w - 2 * margin;
    const run = (x) => {
      const y = new Float64Array(c * rows * columns);
      for (let line = 0; line < c * rows; line++) {
        const from = (Math.floor(line / rows) * h + margin + (line % rows)) * w + margin;
        y.set(x.subarray(from, from + columns), line * columns);
      }
      return y;
    };
    return { shape: [c, rows, columns], run };
  },

  BatchNorm({ epsilon }, shape, own) {
    const [weight, bias, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(own);
    const scale = weight.map((value, c) => value / Math.sqrt(variance[c] + epsilon));
    const pixels = shape.slice(1).reduce((product, side) => product * side, 1);
    const run = (x) =>
      x.map((value, i) => {
        const c = Math.floor(i / pixels);
        return (value - mean[c]) * scale[c] + bias[c];
      });
    return { shape, run };
  },

  Flatten: (_, shape) => ({ shape: [shape.reduce((product, side) => product * side, 1)], run: (x) => x }),
  Dropout: (_, shape) => ({ shape, run: (x) => x }), // acts in training only
  Relu: (_, shape) => ({ shape, run: (x) => x.map((value) => (value > 0 ? value : 0)) }),
  Sigmoid: (_, shape) => ({ shape, run: (x) => x.map((value) => 1 / (1 + Math.exp(-value))) }),
  Tanh: (_, shape) => ({ shape, run: (x) => x.map(Math.tanh) }),
};

/** Return a layer that combines each size x size window; what fills no whole window is dropped. */
function pool(size, [c, h, w], combine, start, divisor) {
  const rows = Math.floor(h / size);
  const columns = Math.floor(w / size);
  const run = (x) => {
    const y = new Float64Array(c * rows * columns);
    for (let line = 0; line < c * rows; line++) {
      const top = Math.floor(line / rows) * h + (line % rows) * size;
      for (let column = 0; column < columns; column++) {
        let sum = start;
        for (let down = 0; down < size; down++) {
          const from = (top + down) * w + column * size;
          for (let i = from; i < from + size; i++) sum = combine(sum, x[i]);
        }
        y[line * columns + column] = sum / divisor;
      }
    }
    return y;
  };
  return { shape: [c, rows, columns], run };
}

function pad(x, c, h, w, padding) {
  if (padding === 0) return x;
  const width = w + 2 * padding;
  const y = new Float64Array(c * (h + 2 * padding) * width);
  for (let plane = 0; plane < c; plane++) {
    for (let row = 0; row < h; row++) {
      const to = (plane * (h + 2 * padding) + row + padding) * width + padding;
      y.set(x.subarray((plane * h + row) * w, (plane * h + row + 1) * w), to);
    }
  }
  return y;
}

/** Return the windows of the kernel's size, [p][d], each in the order of a kernel's weights. */
function cutPatches(x, c, h, w, kernel, stride) {
  const rows = Math.floor((h - kernel) / stride) + 1;
  const columns = Math.floor((w - kernel) / stride) + 1;
  const patches = new Float64Array(rows * columns * c * kernel * kernel);
  let to = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let plane = 0; plane < c; plane++) {
        for (let down = 0; down < kernel; down++) {
          const from = (plane * h + row * stride + down) * w + column * stride;
          for (let i = from; i < from + kernel; i++) patches[to++] = x[i];
        }
      }
    }
  }
  return patches;
}

/** Return weights [u][d] as [u / ROWS][d][ROWS], the last rows filled up with zeros. */
function packRows(weights, u, d) {
  const packed = new Float64Array(Math.ceil(u / ROWS) * ROWS * d);
  for (let row = 0; row < u; row++) {
    const to = Math.floor(row / ROWS) * ROWS * d + (row % ROWS);
    for (let i = 0; i < d; i++) packed[to + i * ROWS] = weights[row * d + i];
  }
  return packed;
}

/** Return y[u][p], the products of packed weights with each row of x [p][d], two rows at once. */
function multiply(weights, x, u, d, p) {
  const y = new Float64Array(Math.ceil(u / ROWS) * ROWS * p);
  for (let row = 0; row < u; row += ROWS) {
    for (let one = 0; one < p; one += 2) {
      const two = Math.min(one + 1, p - 1);
      let [a0, a1, a2, a3, b0, b1, b2, b3] = [0, 0, 0, 0, 0, 0, 0, 0];
      let w = row * d;
      for (let i = 0; i < d; i++) {
        const a = x[one * d + i];
        const b = x[two * d + i];
        const w0 = weights[w];
        const w1 = weights[w + 1];
        const w2 = weights[w + 2];
        const w3 = weights[w + 3];
        a0 += w0 * a;
        a1 += w1 * a;
        a2 += w2 * a;
        a3 += w3 * a;
        b0 += w0 * b;
        b1 += w1 * b;
        b2 += w2 * b;
        b3 += w3 * b;
        w += ROWS;
      }
      const to = row * p;
      y[to + one] = a0;
      y[to + p + one] = a1;
      y[to + 2 * p + one] = a2;
      y[to + 3 * p + one] = a3;
      y[to + two] = b0;
      y[to + p + two] = b1;
      y[to + 2 * p + two] = b2;
      y[to + 3 * p + two] = b3;
    }
  }
  return y.subarray(0, u * p);
}

function addBias(y, bias, p) {
  for (let i = 0; i < y.length; i++) y[i] += bias[Math.floor(i / p)];
  return y;
}

// Arrays are base64 of little-endian float32, or of int8 with one float32 scale for each output.

function decodeArray({ values, scales }) {
  if (scales === undefined) return new Float64Array(decodeFloats(values));
  const levels = new Int8Array(decodeBytes(values).buffer);
  const scale = decodeFloats(scales);
  const each = levels.length / scale.length;
  return new Float64Array(levels).map((level, i) => Math.fround(level * scale[Math.floor(i / each)]));
}

function decodeFloats(text) {
  const view = new DataView(decodeBytes(text).buffer);
  return Float32Array.from({ length: view.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

export function decodeBytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
