// Calls of the HTTP API. A busy or lost server is asked again until it answers or the call is aborted.

import { clearNotice, showNotice } from "/static/notice.js";

const BUSY_SECONDS = 1;
const LOST_SECONDS = 2;
const STALE_MILLISECONDS = 4000;

/** What the server answered instead of a result. */
export class ApiError extends Error {
  constructor(status, { code = "unknown", message = `The server answered ${status}.` } = {}) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const sleep = (seconds, signal) =>
  new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    setTimeout(resolve, 1000 * seconds);
  });

/** Return {status, answer, retryAfter}, or null if the server was not reached. */
async function attempt(path, options) {
  try {
    const response = await fetch(path, options);
    const answer = response.status === 204 ? null : await response.json();
    return { status: response.status, answer, retryAfter: Number(response.headers.get("Retry-After")) };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return null;
  }
}

/** Call the API and return its JSON, or null for an empty answer. Throw ApiError. */
export async function call(path, { method = "GET", body, type, signal } = {}) {
  const headers = type ? { "Content-Type": type } : {};
  for (;;) {
    const response = await attempt(path, { method, body, headers, signal });
    if (response && response.status !== 503) {
      clearNotice();
      if (response.status >= 400) throw new ApiError(response.status, response.answer?.error);
      return response.answer;
    }
    showNotice(response ? "The server is busy. Trying again in a moment." : "The server does not answer. Trying again.");
    await sleep(response ? response.retryAfter || BUSY_SECONDS : LOST_SECONDS, signal);
  }
}

/** Return the query string of these parameters. */
export const query = (parameters) => `?${new URLSearchParams(parameters)}`;

export const getModels = () => call("/v1/models");

/** Explain a picture (Blob) or an image (Uint8Array of 784 bytes). */
export const explain = (subject, { model, parts }, signal) =>
  call(`/v1/explain${query({ model, parts: parts.join(",") })}`, {
    method: "POST",
    body: subject,
    type: subject instanceof Blob ? subject.type : "application/octet-stream",
    signal,
  });

export const readPicture = (picture, { rotate }, signal) =>
  call(`/v1/read${query({ images: true, rotate })}`, {
    method: "POST",
    body: picture,
    type: picture.type || "application/octet-stream",
    signal,
  });

export const getFilter = (model, stage, plane, signal) =>
  call(`/v1/models/${encodeURIComponent(model)}/filter${query({ stage, plane })}`, { signal });

export const getComparison = (first, second, signal) => call(`/v1/compare${query({ first, second })}`, { signal });

export const getTraining = () => call("/v1/training");

export const startTraining = (order) =>
  call("/v1/training", { method: "POST", body: JSON.stringify(order), type: "application/json" });

/** verb: pause, resume, stop or keep. */
export const changeTraining = (verb) => call(`/v1/training/${verb}`, { method: "POST" });

export const followImage = (image, signal) =>
  call("/v1/training/image", { method: "POST", body: image, type: "application/octet-stream", signal });

/** At most one job in flight; while it runs only the newest of the others waits. */
export class Latest {
  #controller = null;
  #started = 0;
  #waiting = null;

  /** Run `job`, a function of an AbortSignal, as soon as its turn comes. Errors become a notice. */
  ask(job) {
    if (!this.#controller) {
      this.#run(job);
      return;
    }
    this.#waiting = job;
    if (performance.now() - this.#started > STALE_MILLISECONDS) this.#controller.abort();
  }

  /** Drop what waits and abort what runs. */
  cancel() {
    this.#waiting = null;
    this.#controller?.abort();
  }

  async #run(job) {
    const controller = new AbortController();
    this.#controller = controller;
    this.#started = performance.now();
    try {
      await job(controller.signal);
      clearNotice("job");
    } catch (error) {
      if (error instanceof ApiError) showNotice(error.message, "job");
      else if (error.name !== "AbortError") throw error;
    } finally {
      this.#controller = null;
      const next = this.#waiting;
      this.#waiting = null;
      if (next) this.#run(next);
    }
  }
}
