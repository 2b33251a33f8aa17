// Shows the view that the URL asks for: #/ new, #/receipts the list, #/receipts/12 one of them.

import { ApiError, whenKeyIsWanted } from "./api.js";
import { answered, complain, hashWith, setTitle, stopComplaining } from "./dom.js";
import { openJob } from "./job.js";
import { forget, recall, remember } from "./memory.js";
import { enqueue, openNew, takeShared } from "./new.js";
import { openReceipt } from "./receipt.js";
import { filtersOf, openReceipts } from "./receipts.js";
import { say, sayAll } from "./words.js";

const main = document.getElementById("main");
let here = null; // {address, view, leaving}

function addressOf(hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?");
  const params = new URLSearchParams(query);
  const [, noun, id] = /^\/(jobs|receipts)\/(\d+)$/.exec(path) ?? [];
  if (id) {
    const open = (...args) => (noun === "jobs" ? openJob : openReceipt)(...args, id);
    return { name: "receipts", path, params, open, title: say("receipt", { id }) };
  }
  if (path === "/receipts" || path === "/jobs")
    return { name: "receipts", path, params, open: openReceipts, title: say("receipts") };
  return { name: "new", path: "/", params, open: openNew, title: say("new") };
}

async function go() {
  const address = addressOf(location.hash);
  if (here?.address.path === address.path && here.view?.update) {
    here.view.update(address.params);
    return;
  }
  const first = here === null;
  here?.leaving.abort();
  const mine = { address, view: null, leaving: new AbortController() };
  here = mine;
  stopComplaining();
  markNavigation(address);
  setTitle(address.title);
  try {
    mine.view = await address.open(main, address.params, mine.leaving.signal);
  } catch (error) {
    if (error.name !== "AbortError" && here === mine) complain(error.message);
  }
  if (here !== mine) return;
  if (!first) main.querySelector("h1")?.focus({ preventScroll: true });
  if (!first) window.scrollTo(0, 0);
}

/** Mark where this view belongs; from a receipt the list is again the one that was come from. */
function markNavigation({ name, path, params }) {
  const kept = path === "/receipts" ? new URLSearchParams() : filtersOf(params);
  document.querySelector("[data-nav=receipts]").href = hashWith("receipts", kept);
  for (const link of document.querySelectorAll("[data-nav]"))
    link.ariaCurrent = link.dataset.nav === name ? "page" : null;
}

// Files from anywhere

function addFiles(files) {
  enqueue(files);
  if (here?.address.name !== "new") location.hash = "#/";
}

function acceptDrops() {
  const hint = document.getElementById("drop-hint");
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    hint.hidden = false;
  });
  addEventListener("dragleave", (event) => (hint.hidden ||= !event.relatedTarget));
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    hint.hidden = true;
    addFiles([...event.dataTransfer.files]);
  });
}

function acceptPastes() {
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    addFiles(files.map(withOwnName));
  });
}

/** A pasted picture is always called image.png. */
function withOwnName(file) {
  if (file.name !== "image.png") return file;
  const time = new Date().toISOString().slice(0, 19).replace(/\D/g, "-");
  return new File([file], `pasted-${time}.png`, { type: file.type });
}

/** What the installed page gets from other apps; browsers offer it over HTTPS and on localhost only. */
function acceptShares() {
  takeShared().catch((error) => complain(error.message));
  const policy = window.trustedTypes?.createPolicy("share", { createScriptURL: () => "static/share.js" });
  const script = policy ? policy.createScriptURL("") : "static/share.js";
  navigator.serviceWorker?.register(script, { scope: "static/" }).catch(() => {}); // all else works
}

// The key

const keyDialog = document.getElementById("key-dialog");
const forgetKey = document.getElementById("forget-key");

async function askForKey(tried) {
  const [input, error] = [document.getElementById("key"), document.getElementById("key-error")];
  error.hidden = !tried;
  error.textContent = tried ? say("keyRefused") : "";
  input.value = "";
  if ((await answered(keyDialog)) !== "ok") throw new ApiError(401, say("keyWanted"));
  remember("key", input.value.trim(), document.getElementById("key-keep").checked);
  forgetKey.hidden = false;
}

function prepareKey() {
  whenKeyIsWanted(askForKey);
  forgetKey.hidden = recall("key") === null;
  document.getElementById("key-cancel").addEventListener("click", () => keyDialog.close(""));
  forgetKey.addEventListener("click", () => {
    forget("key");
    location.reload();
  });
}

sayAll();
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // #main would be taken for a view
  main.focus();
});
prepareKey();
acceptDrops();
acceptPastes();
acceptShares();
addEventListener("hashchange", go);
go();
