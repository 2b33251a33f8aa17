// Follows a job: asks again until it is finished, and reports what happened.

import { request } from "./api.js";
import { announce, complain, stopComplaining } from "./dom.js";
import { errorWord, say } from "./words.js";

const FIRST_POLL_MS = 500;
const LAST_POLL_MS = 5000;
const UNTIL_WOKEN_MS = 2 ** 31 - 1; // the longest a timer can be
const WAIT_S = 25;

/**
 * Ask again until the job is over: less and less often, sooner after a change, as late as the server
 * wants. When only one reading is under way the server is asked to answer at its end.
 */
export async function follow(at) {
  let delay = isOver(at.job) ? UNTIL_WOKEN_MS : FIRST_POLL_MS;
  let failing = false;
  while (!at.signal.aborted) {
    const waking = new AbortController();
    const signal = AbortSignal.any([at.signal, waking.signal]);
    at.wake = () => waking.abort();
    await pause(delay, signal);
    if (waking.signal.aborted) {
      delay = FIRST_POLL_MS;
      continue;
    }
    try {
      delay = await askAgain(at, delay, signal);
      if (failing) stopComplaining();
      failing = false;
    } catch (error) {
      if (error.name === "AbortError") continue;
      if (!failing) complain(error.status === 404 ? error.message : say("tryingAgain", { what: error.message }));
      if (error.status === 404) return;
      failing = true;
      delay = Math.max(error.retryAfter * 1000, LAST_POLL_MS);
    }
  }
}

/** Wait for some milliseconds, or until `signal` is aborted. */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => resolve(clearTimeout(timer)), { once: true });
  });
}

/** Take in the job as it is now; how long to pause before the next time. */
async function askAgain(at, delay, signal) {
  const [before, asked] = [at.job, Date.now()];
  const answer = await request(`ocr-jobs/${before.id}${isNearlyOver(before) ? `?wait=${WAIT_S}` : ""}`, { signal });
  const now = await answer.json();
  tellChanges(before, now);
  if (statesOf(now) !== statesOf(before)) await at.load();
  at.job = now;
  at.show();
  if (isOver(at.job)) return UNTIL_WOKEN_MS;
  if (Date.now() - asked > 1000) return 0; // the server has waited for us
  const changed = statesOf(at.job) !== statesOf(before);
  const wanted = Number(answer.headers.get("Retry-After")) * 1000 || 0;
  return Math.max(wanted, changed ? FIRST_POLL_MS : Math.min(delay * 1.5, LAST_POLL_MS));
}

const isOver = (job) => job.status === "completed" || job.status === "failed";
const runsOf = (job) => job.files.flatMap(({ executions }) => executions);
const statesOf = (job) => String(runsOf(job).map(({ id, status }) => `${id} ${status}`));

function isNearlyOver(job) {
  const left = runsOf(job).filter(({ status }) => status === "pending" || status === "running");
  return left.length === 1 && left[0].status === "running";
}

function tellChanges(before, after) {
  const states = new Map(runsOf(before).map(({ id, status }) => [id, status]));
  for (const file of after.files) {
    for (const run of file.executions.filter(({ id, status }) => states.has(id) && states.get(id) !== status)) {
      const about = { file: file.originalName, provider: run.ocrProvider };
      if (run.status === "completed") announce(say("readBy", about));
      if (run.status === "failed") announce(say("failedBy", { ...about, reason: errorWord(run.error) }));
    }
  }
}
