// The probabilities of the digits, and of "not a digit", as bars.

import { make } from "/static/elements.js";
import { percent } from "/static/wording.js";

const REJECTED = 10;

/** Return {element, show(probabilities, chosen, nonDigit), clear()}. rejects: the network knows "not a digit". */
export function makeBars(rejects = false) {
  const bars = Array.from({ length: rejects ? REJECTED + 1 : REJECTED }, (_, digit) =>
    make("span", { className: "bar" }, make("span", { className: "fill" }), make("b", { textContent: digit === REJECTED ? "?" : digit })),
  );
  const element = make("div", { className: "bars", role: "img", ariaLabel: "No probabilities yet" }, ...bars);

  const show = (probabilities, chosen = -1, nonDigit = 0) => {
    const shares = [...probabilities, nonDigit];
    bars.forEach((bar, digit) => {
      bar.style.setProperty("--share", shares[digit]);
      bar.classList.toggle("chosen", digit === chosen);
    });
    element.ariaLabel = `Probabilities: ${likeliest(shares)}`;
  };
  const clear = () => {
    show(Array(10).fill(0));
    element.ariaLabel = "No probabilities yet";
  };
  clear();
  return { element, show, clear };
}

function likeliest(shares) {
  return shares
    .map((share, digit) => [share, digit])
    .sort(([one], [other]) => other - one)
    .slice(0, 3)
    .map(([share, digit]) => `${digit === REJECTED ? "not a digit" : digit} ${percent(share)}`)
    .join(", ");
}
