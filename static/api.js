// Sends requests to the server, with the key; uploads report their progress, errors come in words.
// Paths are relative, so that the page also works behind a proxy that gives it a prefix.

import { recall } from "./memory.js";
import { say, statusWord } from "./words.js";

export class ApiError extends Error {
  /** `status` is 0 when there was no answer, `detail` is the server's text, `retryAfter` seconds or 0. */
  constructor(status, message, detail = "", retryAfter = 0) {
    super([message, detail].filter(Boolean).join(" "));
    Object.assign(this, { status, detail, retryAfter });
  }
}

let keyWanted = () => Promise.reject(new ApiError(401, say("keyWanted")));
let asking = null;

/** Who gets a key from the person: a function of the key that was refused, a promise of an end. */
export function whenKeyIsWanted(ask) {
  keyWanted = ask;
}

/** The answer to a request, asked again with a key when the server wants one. */
export async function request(path, { method = "GET", body, signal, accept = "*/*" } = {}) {
  for (;;) {
    const key = recall("key");
    const headers = { Accept: accept, ...authorization(key) };
    const response = await reach(path, { method, body, signal, headers });
    if (response.ok) return response;
    const error = errorFrom(response.status, await response.text(), response.headers);
    if (response.status !== 401) throw error;
    await newKey(key);
  }
}

export const getJson = async (path, signal) => (await request(path, { signal })).json();
export const getBlob = async (path, options) => (await request(path, options)).blob();

export async function sendJson(method, path, value) {
  const body = new Blob([JSON.stringify(value)], { type: "application/json" });
  return (await request(path, { method, body })).json();
}

/** An address of what is at a path, for as long as the view is shown. */
export async function localUrl(path, signal) {
  const url = URL.createObjectURL(await getBlob(path, { signal }));
  signal.addEventListener("abort", () => URL.revokeObjectURL(url), { once: true });
  return url;
}

/** POST a form, telling how much is sent; a promise of the JSON, with `cancel()` on it. */
export function upload(path, form, headers, progress) {
  const sending = new XMLHttpRequest();
  const answer = new Promise((resolve, reject) => {
    sending.upload.addEventListener("progress", (event) => progress(event.loaded, event.total));
    sending.addEventListener("load", () => {
      if (sending.status < 300) return resolve(JSON.parse(sending.responseText));
      const headers = { get: (name) => sending.getResponseHeader(name) };
      return reject(errorFrom(sending.status, sending.responseText, headers));
    });
    sending.addEventListener("error", () => reject(new ApiError(0, say("cutShort"))));
    sending.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
  });
  sending.open("POST", path);
  const all = { ...authorization(recall("key")), ...headers };
  for (const [name, value] of Object.entries(all)) sending.setRequestHeader(name, value);
  sending.send(form);
  return Object.assign(answer, { cancel: () => sending.abort() });
}

/** Get a key unless another request has got one since; one question for many requests. */
export async function newKey(tried) {
  if (recall("key") !== tried) return;
  asking ??= keyWanted(tried).finally(() => {
    asking = null;
  });
  await asking;
}

async function reach(path, options) {
  try {
    return await fetch(path, { cache: "no-cache", ...options });
  } catch (error) {
    throw error.name === "AbortError" ? error : new ApiError(0, say("unreachable"));
  }
}

const authorization = (key) => (key ? { Authorization: `Bearer ${key}` } : {});

function errorFrom(status, text, headers) {
  const retryAfter = Number(headers.get("Retry-After")) || 0;
  try {
    const { message, details } = JSON.parse(text);
    return new ApiError(status, statusWord(status), details || message, retryAfter);
  } catch {
    return new ApiError(status, say("noReason", { status }), "", retryAfter);
  }
}
