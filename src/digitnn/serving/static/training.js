// Train a network live and watch it.

import * as api from "/static/api.js";
import { makeBars } from "/static/bars.js";
import { Curves } from "/static/curves.js";
import { byId, fillSelect } from "/static/elements.js";
import { clearNotice, showNotice } from "/static/notice.js";
import { paintTiles, signedBytes } from "/static/planes.js";
import { engineTitle, percent } from "/static/wording.js";

const ACTIVE = ["starting", "running", "paused"];
const STATUS = {
  idle: "",
  starting: "Loading the data …",
  running: "Training …",
  paused: "Paused.",
  done: "Trained.",
  stopped: "Stopped.",
  failed: "The training failed.",
};

/** The section "Train live". */
export class TrainingView {
  #state = { state: "idle" };
  #events = null;
  #image = null;
  #done = 0;
  #sending = new api.Latest();
  #answer = makeBars();
  #loss;
  #accuracy;
  #kept;

  /** kept: called when a run was saved and the list of models has grown. */
  constructor({ data, training }, kept) {
    this.#kept = kept;
    byId("train-missing").hidden = data;
    byId("train-form").hidden = !data;
    this.#loss = new Curves(byId("train-loss"), { name: "Loss", range: lossRange, format: (value) => value.toFixed(2) });
    this.#accuracy = new Curves(byId("train-accuracy"), { name: "Accuracy", range: accuracyRange, format: percent });
    byId("train-answer").append(this.#answer.element);
    if (data) this.#listen(training);
  }

  /** Follow the answer to this image, or to none (null). */
  follow(image) {
    this.#image = image;
    if (!image) this.#answer.clear();
    else if (this.#active) this.#sending.ask((signal) => api.followImage(image, signal));
  }

  get #active() {
    return ACTIVE.includes(this.#state.state);
  }

  async #listen({ recipes, engines }) {
    const summaries = new Map(recipes.map(({ name, summary }) => [name, summary]));
    const recipe = byId("train-recipe");
    const describe = () => (byId("train-summary").textContent = summaries.get(recipe.value) ?? "");
    fillSelect(recipe, recipes.map(({ name }) => [name, name]), recipes.find(({ name }) => name === "cnn-98.7")?.name);
    fillSelect(byId("train-engine"), engines.map((engine) => [engine, `${engineTitle(engine)}${engine === "scratch" ? ", from scratch" : ""}`]));
    recipe.addEventListener("change", describe);
    describe();
    byId("train-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#start();
    });
    byId("train-pause").addEventListener("click", () => this.#change(this.#state.state === "paused" ? "resume" : "pause"));
    byId("train-stop").addEventListener("click", () => this.#change("stop"));
    byId("train-keep").addEventListener("click", () => this.#change("keep"));
    await this.#attempt(async () => {
      this.#show(await api.getTraining());
      if (this.#active) this.#watch();
    });
  }

  async #start() {
    const order = {
      recipe: byId("train-recipe").value,
      engine: byId("train-engine").value,
      seed: Number(byId("train-seed").value),
    };
    await this.#attempt(async () => {
      const state = await api.startTraining(order);
      this.#reset();
      this.#show(state);
      this.#watch();
    });
  }

  async #change(verb) {
    await this.#attempt(async () => {
      this.#show(await api.changeTraining(verb));
      if (verb === "keep") this.#kept();
    });
  }

  async #attempt(action) {
    try {
      await action();
      clearNotice("training");
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      showNotice(error.message, "training");
    }
  }

  #reset() {
    this.#done = 0;
    this.#loss.clear();
    this.#accuracy.clear();
    this.#answer.clear();
    byId("train-progress").value = 0;
    byId("train-numbers").textContent = "";
  }

  #watch() {
    this.#events?.close();
    const events = new EventSource("/v1/training/events");
    const on = (name, listener) => events.addEventListener(name, ({ data }) => listener(JSON.parse(data)));
    this.#events = events;
    on("state", (state) => {
      this.#show(state);
      if (!this.#active) events.close();
    });
    on("progress", (record) => this.#progress(record));
    on("epoch", (record) => this.#epoch(record));
    on("weights", showWeights);
    on("answer", ({ probabilities }) => this.#showAnswer(probabilities));
    events.addEventListener("open", () => clearNotice("training"));
    events.addEventListener("error", () => showNotice("The connection to the training is lost. Trying again.", "training"));
    if (this.#image) this.follow(this.#image);
  }

  #progress({ done, epoch, loss, accuracy, images_per_second: speed }) {
    this.#done = done;
    this.#loss.add("training", done, loss);
    this.#accuracy.add("training", done, accuracy);
    byId("train-progress").value = done;
    byId("train-numbers").textContent =
      `Epoch ${epoch} · ${percent(done)} done · loss ${loss.toFixed(3)} · accuracy ${percent(accuracy)} · ` +
      `${Math.round(speed).toLocaleString("en")} images per second`;
  }

  #epoch({ valid_loss: loss, valid_accuracy: accuracy }) {
    if (loss != null) this.#loss.add("validation", this.#done, loss);
    if (accuracy != null) this.#accuracy.add("validation", this.#done, accuracy);
  }

  #showAnswer(probabilities) {
    if (this.#image) this.#answer.show(probabilities, probabilities.indexOf(Math.max(...probabilities)));
  }

  #show(state) {
    this.#state = state;
    const { state: name, kept, message } = state;
    const ended = name === "done" || name === "stopped";
    byId("train").dataset.state = name;
    byId("train-start").disabled = this.#active;
    for (const id of ["train-recipe", "train-engine", "train-seed"]) byId(id).disabled = this.#active;
    byId("train-pause").disabled = !["running", "paused"].includes(name);
    byId("train-pause").textContent = name === "paused" ? "Resume" : "Pause";
    byId("train-stop").disabled = !this.#active;
    byId("train-keep").disabled = !ended || Boolean(kept);
    byId("train-status").textContent = [STATUS[name], message, kept && `Kept in ${kept}.`].filter(Boolean).join(" ");
    if (name !== "idle") byId("train-view").hidden = false;
  }
}

function showWeights({ kind, shape, values }) {
  const canvas = byId("train-weights");
  paintTiles(canvas, signedBytes(values), shape, 8);
  canvas.ariaLabel = `${shape[0]} ${kind} of the first layer, ${shape[1]} by ${shape[2]}`;
}

function lossRange(values) {
  const highest = Math.max(...values);
  const step = 10 ** Math.floor(Math.log10(highest || 1));
  return [0, Math.ceil(highest / step) * step];
}

/** Cut the first steps off once most values are high, so that the last percent stay visible. */
function accuracyRange(values) {
  const sorted = [...values].sort((one, other) => one - other);
  const low = sorted[Math.floor(sorted.length / 10)];
  return [Math.min(0.9, Math.floor(10 * low) / 10), 1];
}
