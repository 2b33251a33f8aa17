// The state of a file or job as a small label, and what waiting for one needs.

import { h, icon } from "./dom.js";
import { say, stateWord } from "./words.js";

/** A file's or job's state as a small label. */
export function stateLabel(status, failedFiles = 0) {
  const some = status === "completed" && failedFiles > 0;
  const name = some ? "failed" : status;
  const words = some ? say("someFailed", { n: failedFiles }) : stateWord(status);
  return h("span", { class: `state ${name}` }, icon(name), words);
}

export function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const stop = () => resolve(clearTimeout(timer));
    signal.addEventListener("abort", stop, { once: true });
  });
}
