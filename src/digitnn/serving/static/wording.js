// Numbers as text.

/** Return 0.987 as "98.7 %". */
export function percent(share) {
  const value = 100 * share;
  if (value > 99.95) return "100 %";
  if (value >= 99 || (value > 0 && value < 1)) return `${Math.max(value, 0.1).toFixed(1)} %`;
  return `${value.toFixed(0)} %`;
}

const SUPERSCRIPTS = { "-": "⁻", ...Object.fromEntries([..."⁰¹²³⁴⁵⁶⁷⁸⁹"].map((sign, n) => [n, sign])) };

/** Return 1.2e-6 as "1.2 × 10⁻⁶". */
export function scientific(value) {
  if (value === 0) return "0";
  const [digits, exponent] = value.toExponential(1).split("e");
  if (Math.abs(exponent) < 3) return String(Number(value.toPrecision(2)));
  const power = [...String(Number(exponent))].map((sign) => SUPERSCRIPTS[sign]).join("");
  return `${digits} × 10${power}`;
}

const MODELS = { reader: "Reader", classic: "Classic", cnn: "CNN" };

/** Return the title of a model of the package; a run keeps its name. */
export const modelTitle = (name) => MODELS[name] ?? name;

/** Return an engine's title. */
export const engineTitle = (engine) => ({ scratch: "NumPy", pytorch: "PyTorch" })[engine] ?? engine;

/** Return "1 digit" or "3 digits". */
export const count = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
