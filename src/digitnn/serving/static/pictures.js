// Pictures from a file, the clipboard, drag and drop, and the camera.

import { byId } from "/static/elements.js";
import { clearNotice, showNotice } from "/static/notice.js";

/** Call `found(blob)` for each picture that comes in. */
export function watchPictures(found) {
  const take = (files) => {
    const file = [...files].find(({ type }) => type.startsWith("image/") || type === "application/pdf");
    if (file) {
      clearNotice("pictures");
      found(file);
    } else if (files.length) showNotice("That file is not a picture.", "pictures");
  };
  watchInputs(take);
  watchClipboard(take);
  watchDrops(take);
  watchCamera(found);
}

function watchInputs(take) {
  for (const input of [byId("file"), byId("capture")])
    input.addEventListener("change", () => {
      take(input.files);
      input.value = ""; // the same file may be chosen again
    });
  byId("choose").addEventListener("click", () => byId("file").click());
}

function watchClipboard(take) {
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) event.preventDefault();
    take(event.clipboardData.files);
  });
}

function watchDrops(take) {
  const stage = byId("stage");
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    stage.classList.add("target");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) stage.classList.remove("target");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    stage.classList.remove("target");
    take(event.dataTransfer.files);
  });
}

function watchCamera(found) {
  const dialog = byId("camera-dialog");
  const video = byId("camera-video");
  const stop = () => {
    for (const track of video.srcObject?.getTracks() ?? []) track.stop();
    video.srcObject = null;
  };
  byId("camera").addEventListener("click", async () => {
    // browsers offer the camera on secure origins only; phones then still have their camera app
    if (!navigator.mediaDevices?.getUserMedia) {
      byId("capture").click();
      return;
    }
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      showNotice("No camera is available here. Choose a picture instead.", "pictures");
      return;
    }
    clearNotice("pictures");
    dialog.showModal();
    await video.play();
  });
  byId("camera-take").addEventListener("click", async () => {
    const picture = await photograph(video);
    dialog.close();
    if (picture) found(picture);
  });
  byId("camera-cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", stop);
}

function photograph(video) {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
}
