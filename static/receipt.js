// Shows one receipt: what counts and what to check first, its picture, its fields to correct.

import { getJson } from "./api.js";
import { cancel, change, conflictNotice, draftOf, edit, nextDoubtful, saveEditing } from "./correct.js";
import { announce, attempt, button, h, icon, iconButton, replace, setTitle } from "./dom.js";
import { nameOf, valueOf } from "./fields.js";
import { filePane } from "./file.js";
import { follow } from "./follow.js";
import { aboutJob } from "./job.js";
import { recall, remember } from "./memory.js";
import { say } from "./words.js";
import { allProviders } from "./providers.js";
import { sheet } from "./sheet.js";
import { warnings } from "./views.js";

const LISTED = ["search", "from", "to", "min", "max", "currency", "merchant", "state", "sort"];
const ICONS = { reading: "running", failed: "failed", review: "check", ok: "completed", confirmed: "completed" };
const KEYS = [
  ["Enter", "keyNext"],
  ["Escape", "keyCancel"],
  ["c", "keyConfirm"],
  ["n", "keyForward"],
  ["p", "keyBack"],
  ["+", "zoomIn"],
  ["-", "zoomOut"],
  ["r", "turn"],
  ["?", "keys"],
];

export async function openReceipt(main, params, signal, id) {
  const at = { id, params, signal, editing: null, conflict: null, list: null, wake: () => {} };
  at.load = () => load(at);
  if (!main.querySelector(".summary")) main.replaceChildren(h("p", { class: "notice" }, say("loading")));
  try {
    [at.providers] = await Promise.all([allProviders(), at.load()]);
  } catch (error) {
    if (error.name !== "AbortError") showFailure(main, error);
    return null;
  }
  const path = `ocr-jobs/${at.job.id}/files/${at.file.id}`;
  at.sheet = sheet(path, at.file.originalName, signal);
  lay(main, at);
  at.show();
  takeUpDraft(at);
  follow(at);
  at.listing = listOf(at);
  listen(at);
  return {
    update(next) {
      at.params = next;
      at.show();
    },
  };
}

async function load(at) {
  at.receipt = await getJson(`receipts/${at.id}`, at.signal);
  const { jobId, fileId } = at.receipt;
  [at.job, { data: at.family }] = await Promise.all([
    getJson(`ocr-jobs/${jobId}`, at.signal),
    getJson(`receipts?job=${jobId}&limit=100&sort=addedAt:asc`, at.signal),
  ]);
  at.file = at.job.files.find(({ id }) => id === fileId);
  const run = at.file.executions.find(({ id: one }) => one === at.receipt.executionId);
  at.read = at.receipt.readings.find(({ executionId }) => executionId === run?.id)?.receipt ?? null;
}

/** The parts of the view, each made again only when what it shows has changed. */
function lay(main, at) {
  const parts = ["div", "nav", "div", "div", "div"].map((tag) => h(tag));
  const [head, strip, pane, bar, foot] = parts;
  head.className = "summary";
  strip.className = "strip";
  strip.setAttribute("aria-label", say("filesOfJob"));
  bar.className = "decide";
  main.replaceChildren(...parts, help());
  const shown = new Map();
  const showPart = (place, make, ...depends) => {
    const now = JSON.stringify(depends);
    if (shown.get(place) !== now) replace(place, make(at));
    shown.set(place, now);
  };
  at.show = () => {
    const { receipt, editing, conflict } = at;
    setTitle(titleOf(receipt));
    showPart(head, summary, receipt, conflict, editing?.name);
    showPart(strip, family, at.family);
    showPart(pane, filePane, String(at.params), receipt, at.file, editing?.name, editing?.error, conflict);
    showPart(bar, decide, receipt.state, at.list);
    showPart(foot, aboutJob, at.job, receipt.id);
  };
  at.showField = () => {
    shown.delete(pane);
    at.show();
  };
}

function showFailure(main, error) {
  main.replaceChildren(
    h("h1", { tabindex: "-1" }, say(error.status === 404 ? "noSuchReceipt" : "cannotShow")),
    h("p", { class: "notice error" }, error.message),
    h("p", {}, h("a", { href: "#/receipts" }, say("allReceipts"))),
  );
}

function takeUpDraft(at) {
  const kept = draftOf(at);
  if (!kept || !at.receipt.receipt) return;
  edit(at, kept.name);
  at.editing.draft = kept.draft;
  at.showField();
}

// What comes first

const titleOf = (receipt) => receipt.receipt?.merchant ?? receipt.merchant ?? receipt.fileName;

export function receiptState(state) {
  return h("span", { class: `state ${state}` }, icon(ICONS[state]), say(`state.${state}`));
}

function summary(at) {
  const { receipt } = at;
  const fields = receipt.receipt;
  return [
    h(
      "div",
      { class: "heading" },
      h("h1", { tabindex: "-1", id: "title" }, titleOf(receipt)),
      receiptState(receipt.state),
    ),
    fields &&
      h(
        "p",
        { class: "gist" },
        h("b", { id: "sum" }, valueOf("total", fields.total, fields) ?? say("noTotal")),
        h("span", {}, [valueOf("date", fields.date, fields), fields.time].filter(Boolean).join(", ")),
      ),
    conflictNotice(at),
    receipt.duplicateOf !== null &&
      h("p", { class: "small" }, icon("file"), say("seemsHere"), link(receipt.duplicateOf)),
    fields && receipt.state !== "confirmed" && warnings(fields.warnings),
    receipt.state !== "confirmed" && doubts(at),
  ];
}

const link = (id) => h("a", { href: `#/receipts/${id}` }, say("receipt", { id: String(id) }));

/** The fields to look at, each a button that begins to correct it. */
function doubts(at) {
  const { review } = at.receipt;
  if (!review.length) return null;
  const go = (name) => () => edit(at, name, true);
  const one = (name) => h("li", {}, button(null, nameOf(name), go(name), { id: `check-${name}` }));
  return h("div", { class: "doubts" }, h("b", { id: "to-check" }, say("check")),
    h("ul", { "aria-labelledby": "to-check" }, review.map(one)));
}

/** The other receipts of this upload. */
function family({ family: all, receipt }) {
  const several = (one) => all.filter(({ fileId }) => fileId === one.fileId);
  const title = (one) => one.merchant ?? one.fileName;
  const nth = (one) => `${one.position + 1} / ${several(one).length}`;
  const item = (one) =>
    h(
      "li",
      {},
      h(
        "a",
        { href: `#/receipts/${one.id}`, id: `receipt-${one.id}`, "aria-current": one.id === receipt.id && "true" },
        h("span", { class: "title" }, title(one)),
        several(one).length > 1 && h("span", { class: "small" }, nth(one)),
        receiptState(one.state),
      ),
    );
  return all.length > 1 ? h("ul", { id: "file-list" }, all.map(item)) : null;
}

// From one to the next

/** The first hundred receipts of the list that was come from which need a look. */
async function listOf(at) {
  const query = new URLSearchParams([...at.params].filter(([name]) => LISTED.includes(name)));
  if (!query.has("state")) query.set("state", "review");
  try {
    const { data, pagination } = await getJson(`receipts?${query}&limit=100`, at.signal);
    at.list = { ids: data.map(({ id }) => id), total: pagination.total };
    at.show();
  } catch {
    // without it there is nothing to go on to
  }
}

/** The receipt that is so many steps away in the list; null where there is no other. */
function neighbour(at, step) {
  const ids = at.list?.ids ?? [];
  const now = ids.indexOf(at.receipt.id);
  const next = now < 0 ? ids[0] : ids[(now + step + ids.length) % ids.length];
  return next === at.receipt.id ? null : (next ?? null);
}

function goOn(at, step) {
  const id = neighbour(at, step);
  const kept = new URLSearchParams([...at.params].filter(([name]) => LISTED.includes(name)));
  if (id === null) return announce(say("noOther"));
  location.hash = `#/receipts/${id}${kept.size ? `?${kept}` : ""}`;
  return null;
}

async function confirm(at) {
  if (at.busy || !at.receipt.receipt) return;
  at.busy = true;
  await attempt(async () => {
    if (at.editing && !(await saveEditing(at, false))) return;
    if (at.receipt.state !== "confirmed") {
      if (!(await change(at, { confirmed: true }))) return at.show();
      announce(say("isConfirmed", { title: titleOf(at.receipt) }));
    }
    await at.listing;
    at.show();
    goOn(at, 1);
    return null;
  });
  at.busy = false;
}

async function reopen(at) {
  await attempt(async () => {
    await change(at, { confirmed: false });
    at.show();
    document.getElementById("confirm").focus();
  });
}

function decide(at) {
  const { state } = at.receipt;
  const other = neighbour(at, 1) !== null;
  const isConfirmed = state === "confirmed";
  const label = say(isConfirmed ? "next" : other ? "confirmNext" : "confirm");
  return [
    iconButton("left", say("keyBack"), () => goOn(at, -1), { id: "previous", disabled: !other }),
    isConfirmed && button("undo", say("reopen"), () => reopen(at), { id: "reopen" }),
    button("completed", label, () => confirm(at), {
      ...{ class: "primary", id: "confirm", "aria-keyshortcuts": "c" },
      disabled: state === "reading" || state === "failed" || (isConfirmed && !other),
    }),
    iconButton("right", say("keyForward"), () => goOn(at, 1), { id: "next", disabled: !other }),
    h("span", { class: "small" }, at.list?.total > 0 && say("toCheck", { n: at.list.total })),
    iconButton("help", say("keys"), showHelp, { id: "show-help" }),
  ];
}

// Keys

const CONTROLS = "a, button, input, select, textarea, summary, dialog";
const TYPED = "input, select, textarea, dialog";

function listen(at) {
  const { signal } = at;
  const actions = {
    c: () => confirm(at),
    n: () => goOn(at, 1),
    p: () => goOn(at, -1),
    "+": () => at.sheet.zoom(1),
    "-": () => at.sheet.zoom(-1),
    r: () => at.sheet.turn(),
    "?": showHelp,
  };
  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(TYPED)) return;
    const isOff = recall("keys") === "off";
    if (event.key === "Escape" && at.editing) cancel(at);
    else if (event.key === "Enter" && !event.target.closest(CONTROLS) && at.receipt.receipt) nextDoubtful(at);
    else if (Object.hasOwn(actions, event.key) && !isOff) actions[event.key]();
    else return;
    event.preventDefault();
  };
  document.addEventListener("keydown", press, { signal });
  addEventListener("focus", () => lookAgain(at), { signal });
}

/** Another window may have changed the receipt; what is being typed is told so when it is saved. */
async function lookAgain(at) {
  if (at.editing) return;
  try {
    await at.load();
    if (!at.editing) at.show();
  } catch {
    // the next change says what is wrong
  }
}

const showHelp = () => document.getElementById("help").showModal();

function help() {
  const isOff = () => recall("keys") === "off";
  const toggle = ({ target }) => remember("keys", target.checked ? "on" : "off");
  const row = ([key, name]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, say(name)));
  return h(
    "dialog",
    { id: "help", "aria-labelledby": "help-title" },
    h("h2", { id: "help-title" }, say("keys")),
    h("dl", { class: "keys" }, KEYS.map(row)),
    h(
      "label",
      { class: "check" },
      h("input", { type: "checkbox", checked: !isOff(), onchange: toggle }),
      say("singleKeys"),
    ),
    h("form", { method: "dialog", class: "actions" }, h("button", { class: "primary" }, say("close"))),
  );
}
