// The API's documentation, from /openapi.json.

import { ApiError, call } from "/static/api.js";
import { byId, make } from "/static/elements.js";
import { showNotice } from "/static/notice.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
const MAX_DEPTH = 6;

let api = {};

const text = (tag, textContent, properties = {}) => make(tag, { textContent, ...properties });

/** Return a paragraph; what stands between backticks is code. */
const prose = (words, properties = {}) =>
  make("p", properties, ...words.split("`").map((part, n) => (n % 2 ? text("code", part) : part)));

/** Return what a "$ref" stands for. */
function resolve(node) {
  if (!node?.$ref) return node ?? {};
  return node.$ref.slice(2).split("/").reduce((at, key) => at[key.replaceAll("~1", "/")], api);
}

/** Return a schema's type in a few words. */
function typeOf(schema, depth = 0) {
  const { type, anyOf, oneOf, items, enum: values, format, minimum, maximum, const: only } = resolve(schema);
  if (only !== undefined) return JSON.stringify(only);
  if (values) return values.map((value) => JSON.stringify(value)).join(" or ");
  const choices = anyOf ?? oneOf;
  if (choices && depth < MAX_DEPTH) return choices.map((choice) => typeOf(choice, depth + 1)).join(" or ");
  if (type === "array" && items && depth < MAX_DEPTH) return `array of ${typeOf(items, depth + 1)}`;
  const bounds = minimum !== undefined && maximum !== undefined ? `, ${minimum} to ${maximum}` : "";
  return `${type ?? "any"}${format ? ` (${format})` : ""}${bounds}`;
}

/** Return an example of a schema: its own, its default, or one made from its properties. */
function exampleOf(schema, depth = 0) {
  const found = resolve(schema);
  if (found.example !== undefined) return found.example;
  if (found.examples?.length) return found.examples[0];
  if (found.default !== undefined) return found.default;
  if (found.enum) return found.enum[0];
  if (depth > MAX_DEPTH) return null;
  const choice = found.anyOf?.[0] ?? found.oneOf?.[0] ?? found.allOf?.[0];
  if (choice) return exampleOf(choice, depth + 1);
  if (found.type === "array") return found.items ? [exampleOf(found.items, depth + 1)] : [];
  if (found.properties)
    return Object.fromEntries(Object.entries(found.properties).map(([name, each]) => [name, exampleOf(each, depth + 1)]));
  return { string: "", integer: 0, number: 0, boolean: false, object: {} }[found.type] ?? null;
}

/** Return [name, example] pairs of a media type. */
function examplesOf({ example, examples, schema }) {
  if (example !== undefined) return [["", example]];
  if (examples) return Object.entries(examples).map(([name, each]) => [resolve(each).summary ?? name, resolve(each).value]);
  if (!schema || resolve(schema).format === "binary") return [];
  const made = exampleOf(schema);
  return made && Object.keys(made).length ? [["", made]] : [];
}

function scroller(label, ...children) {
  return make("div", { className: "scroll", role: "region", ariaLabel: label, tabIndex: 0 }, ...children);
}

function table(label, head, rows) {
  const line = (cells, tag, properties) => make("tr", {}, ...cells.map((cell) => make(tag, properties, cell)));
  return scroller(
    label,
    make("table", {}, make("thead", {}, line(head, "th", { scope: "col" })), make("tbody", {}, ...rows.map((row) => line(row, "td", {})))),
  );
}

function mediaTypes(content, where) {
  return Object.entries(content ?? {}).flatMap(([type, media]) => [
    make("p", { className: "hint" }, text("code", type), media.schema ? ` · ${media.schema.title ?? resolve(media.schema).title ?? typeOf(media.schema)}` : ""),
    ...propertiesOf(media.schema, `Fields of ${type}, ${where}`),
    ...examplesOf(media).flatMap(([name, value]) => exampleBlock(name, value, `Example of ${type}, ${where}`)),
  ]);
}

function propertiesOf(schema, label) {
  const { properties, required = [] } = resolve(schema);
  if (!properties) return [];
  const rows = Object.entries(properties).map(([name, each]) => [
    text("code", name),
    typeOf(each),
    required.includes(name) ? "yes" : "no",
    each.description ?? resolve(each).description ?? "",
  ]);
  return [table(label, ["Field", "Type", "Required", "Meaning"], rows)];
}

function exampleBlock(name, value, label) {
  const shown = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const block = text("pre", shown, { tabIndex: 0, role: "region", ariaLabel: name ? `${label}: ${name}` : label });
  return name ? [text("p", name, { className: "hint" }), block] : [block];
}

function parameterTable(parameters, where) {
  const rows = parameters.map(resolve).map(({ name, in: place, required, schema = {}, description, example }) => [
    text("code", name),
    place,
    typeOf(schema),
    required ? "required" : `default ${JSON.stringify(resolve(schema).default ?? null)}`,
    [description ?? resolve(schema).description ?? "", example === undefined ? "" : `Example: ${example}`].filter(Boolean).join(" "),
  ]);
  return table(`Parameters, ${where}`, ["Name", "In", "Type", "Default", "Meaning"], rows);
}

function responseBlock(status, response, where) {
  const { description, content } = resolve(response);
  return [
    make("p", {}, text("strong", status), description ? ` ${description}` : ""),
    ...mediaTypes(content, `${status}, ${where}`),
  ];
}

function operationBlock(path, method, operation, shared) {
  const where = `${method.toUpperCase()} ${path}`;
  const parameters = [...shared, ...(operation.parameters ?? [])];
  const body = resolve(operation.requestBody);
  const parts = [
    make("h3", {}, text("span", method.toUpperCase(), { className: "method" }), path),
    text("p", operation.summary ?? ""),
    ...(operation.description ?? "").split(/\n{2,}/).filter(Boolean).map((each) => prose(each, { className: "hint" })),
  ];
  if (parameters.length) parts.push(text("h4", "Parameters"), parameterTable(parameters, where));
  if (body.content) parts.push(text("h4", "Request body"), text("p", body.description ?? ""), ...mediaTypes(body.content, `request of ${where}`));
  parts.push(text("h4", "Responses"));
  for (const [status, response] of Object.entries(operation.responses ?? {})) parts.push(...responseBlock(status, response, where));
  return make("section", { className: "operation", id: anchor(path, method), ariaLabel: where }, ...parts.filter((part) => part.textContent));
}

const anchor = (path, method) => `${method}${path.replaceAll(/[^a-z0-9]+/gi, "-")}`;

function show() {
  const operations = Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => [path, method, item[method], item.parameters ?? []]),
  );
  byId("description").textContent = api.info.description ?? api.info.title;
  byId("version").textContent = `${api.info.title} ${api.info.version}`;
  byId("contents").replaceChildren(
    ...operations.map(([path, method, { summary }]) =>
      make("li", {}, make("a", { href: `#${anchor(path, method)}` }, text("code", `${method.toUpperCase()} ${path}`), text("span", summary ?? ""))),
    ),
  );
  byId("operations").replaceChildren(text("h2", "Operations"), ...operations.map((operation) => operationBlock(...operation)));
  document.documentElement.dataset.ready = "true";
}

try {
  api = await call("/openapi.json");
  show();
} catch (error) {
  if (!(error instanceof ApiError)) throw error;
  showNotice(error.message);
}
