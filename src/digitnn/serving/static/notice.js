// The one line that tells what went wrong.

import { byId } from "/static/elements.js";

let source = "";

/** Show `text`, until `clearNotice` is called for the same `from`. */
export function showNotice(text, from = "server") {
  source = from;
  if (byId("notice").textContent !== text) byId("notice").textContent = text;
}

/** Remove the notice if it is one of `from`. */
export function clearNotice(from = "server") {
  if (source === from) byId("notice").textContent = "";
}
