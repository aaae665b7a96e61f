// Build and find elements.

/** Return the element with this id. */
export const byId = (id) => document.getElementById(id);

/** Return a new element. Properties are set as properties; `data`, `aria` and `on` as objects. */
export function make(tag, { data = {}, aria = {}, on = {}, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  Object.assign(element.dataset, data);
  for (const [name, value] of Object.entries(aria)) element.setAttribute(`aria-${name}`, value);
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  element.append(...children);
  return element;
}

/** Return a new SVG element with these attributes. */
export function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const roving = new WeakSet();

/** Let the arrow keys move the focus within `group`, which then is one stop of the Tab key. */
export function rove(group, selector) {
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  const items = () => [...group.querySelectorAll(selector)];
  items().forEach((item, n) => (item.tabIndex = n ? -1 : 0));
  if (roving.has(group)) return; // its items were replaced
  roving.add(group);
  group.addEventListener("focusin", ({ target }) => {
    if (target.matches(selector)) items().forEach((item) => (item.tabIndex = item === target ? 0 : -1));
  });
  group.addEventListener("keydown", (event) => {
    const all = items();
    const at = all.indexOf(event.target);
    const ends = { Home: 0, End: all.length - 1 };
    const to = event.key in ends ? ends[event.key] : at + steps[event.key];
    if (at < 0 || !all[to]) return;
    event.preventDefault();
    all[to].focus();
  });
}

/** Fill a <select> with [value, text] pairs. */
export function fillSelect(select, pairs, chosen) {
  select.replaceChildren(...pairs.map(([value, text]) => make("option", { value, textContent: text })));
  if (chosen !== undefined) select.value = chosen;
}
