// Shows one receipt: what counts and what to check first, its picture, its fields to correct.

import { getJson } from "./api.js";
import { cancel, change, conflictNotice, draftOf, edit, nextDoubtful, saveEditing, toCheck } from "./correct.js";
import { announce, attempt, button, focus, h, hashWith, icon, iconButton } from "./dom.js";
import { replace, setTitle, stateLabel } from "./dom.js";
import { nameOf, valueOf } from "./fields.js";
import { filePane } from "./file.js";
import { follow } from "./follow.js";
import { aboutJob, showFailure } from "./job.js";
import { recall, remember } from "./memory.js";
import { allProviders } from "./providers.js";
import { readBy } from "./reading.js";
import { filtersOf } from "./receipts.js";
import { sheet } from "./sheet.js";
import { warnings } from "./views.js";
import { failedWord, say } from "./words.js";

const showHelp = () => document.getElementById("help").showModal();
/** Each key with its word, and what it does by itself. */
const KEYS = [
  ["Enter", "keyNext"],
  ["Escape", "keyCancel"],
  ["c", "keyConfirm", confirm],
  ["n", "keyForward", (at) => goOn(at, 1)],
  ["p", "keyBack", (at) => goOn(at, -1)],
  ["+", "zoomIn", (at) => at.sheet.zoom(1)],
  ["-", "zoomOut", (at) => at.sheet.zoom(-1)],
  ["r", "turn", (at) => at.sheet.turn()],
  ["?", "keys", showHelp],
];

export async function openReceipt(main, params, signal, id) {
  const at = { id, params, signal, editing: null, conflict: null, list: null, load: () => load(at), wake: () => {} };
  if (!main.querySelector(".summary")) main.replaceChildren(h("p.notice", say("loading")));
  try {
    [at.providers] = await Promise.all([allProviders(), at.load()]);
  } catch (error) {
    return showFailure(main, error);
  }
  const pathOf = (page) => {
    const place = at.receipt.pages[page] ?? { fileId: at.file.id, page };
    return `ocr-jobs/${at.job.id}/files/${place.fileId}/preview?page=${place.page}`;
  };
  at.sheet = sheet(pathOf, at.file.originalName, signal);
  lay(main, at);
  at.show();
  main.querySelector("#file-list [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
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
  const path = `receipts/${at.id}`;
  const { jobId, fileId } = at.receipt ?? (await getJson(path, at.signal));
  const wasReading = at.family?.some(({ state }) => state === "reading");
  at.job = await getJson(`ocr-jobs/${jobId}`, at.signal); // first: once it is over, nothing is asked again
  [at.receipt, { data: at.family }] = await Promise.all([
    getJson(path, at.signal),
    getJson(`receipts?job=${jobId}&limit=100&sort=addedAt:asc`, at.signal),
  ]);
  at.file = at.job.files.find(({ id }) => id === fileId);
  at.read = readBy(at.receipt, at.receipt.executionId);
  if (wasReading) at.listing = listOf(at); // more may need a look now
}

/** The parts of the view, each made again only when what it shows has changed. */
function lay(main, at) {
  const [head, strip] = [h("div.summary"), h("nav.strip", { "aria-label": say("filesOfJob") })];
  const [pane, bar, foot] = [h("div"), h("div.decide"), h("div")];
  main.replaceChildren(head, strip, pane, bar, foot, help());
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
    showPart(strip, family, at.family, receipt);
    showPart(pane, filePane, String(at.params), receipt, at.file, editing?.name, editing?.error, conflict);
    showPart(bar, decide, receipt.state, at.list);
    showPart(foot, aboutJob, at.job, receipt.id);
  };
  at.showField = () => {
    shown.delete(pane);
    at.show();
  };
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

function summary(at) {
  const { receipt } = at;
  const fields = receipt.receipt;
  const state = receipt.state === "failed" ? failedWord(receipt.error) : say(`state.${receipt.state}`);
  return [
    h("div.heading", [h("h1#title", { tabindex: "-1" }, titleOf(receipt)), stateLabel(receipt.state, state)]),
    fields &&
      h("p.gist", [
        h("b#sum", valueOf("total", fields.total, fields) ?? say("noTotal")),
        h("span", [valueOf("date", fields.date, fields), fields.time].filter(Boolean).join(", ")),
      ]),
    conflictNotice(at),
    receipt.duplicateOf !== null && seemsHere(at),
    fields && receipt.state !== "confirmed" && warnings(fields.warnings),
    receipt.state !== "confirmed" && doubts(at),
  ];
}

function seemsHere(at) {
  const id = at.receipt.duplicateOf;
  const link = h("a", { href: hashOf(at, id) }, say("receipt", { id: String(id) }));
  return h("p.small", icon("file"), " ", say("seemsHere"), link);
}

/** The fields to look at, each a button that begins to correct it. */
function doubts(at) {
  const names = toCheck(at.receipt);
  if (!names.length) return null;
  const one = (name) => h("li", button(null, nameOf(name), () => edit(at, name, true), `#check-${name}`));
  return h("div.doubts", [h("b#to-check", say("check")), h("ul", { "aria-labelledby": "to-check" }, names.map(one))]);
}

/** The other receipts of this upload. */
function family(at) {
  const all = at.family.map((one) => (one.id === at.receipt.id ? at.receipt : one));
  const several = (one) => all.filter(({ fileId }) => fileId === one.fileId);
  const nth = (one) => `${one.position + 1} / ${several(one).length}`;
  const link = (one) =>
    h(`a#receipt-${one.id}`, { href: hashOf(at, one.id), "aria-current": one === at.receipt && "true" }, [
      h("span.title", one.merchant ?? one.fileName),
      several(one).length > 1 && h("span.small", nth(one)),
      stateLabel(one.state),
    ]);
  return all.length > 1 ? h("ul#file-list", all.map((one) => h("li", link(one)))) : null;
}

// From one to the next

/** The address of another receipt, with the filters of the list that was come from. */
const hashOf = (at, id) => hashWith(`receipts/${id}`, filtersOf(at.params));

/** The first hundred receipts of the list that was come from which need a look. */
async function listOf(at) {
  const query = filtersOf(at.params);
  if (!query.has("state")) query.set("state", "review");
  try {
    const { data, pagination } = await getJson(`receipts?${query}&limit=100`, at.signal);
    at.list = { ids: data.map(({ id }) => id), total: pagination.total };
    at.show();
  } catch (error) {
    if (error.name !== "AbortError") at.show(); // without a list there is nothing to go on to
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
  if (id === null) announce(say("noOther"));
  else location.hash = hashOf(at, id);
}

async function confirm(at) {
  if (at.busy || !at.receipt.receipt) return;
  at.busy = true;
  await attempt(async () => {
    if (at.editing && !(await saveEditing(at, false))) return;
    const isNew = at.receipt.state !== "confirmed";
    if (isNew && !(await change(at, { confirmed: true }))) return void at.show();
    if (isNew) announce(say("isConfirmed", { title: titleOf(at.receipt) }));
    await at.listing;
    if (neighbour(at, 1) === null) await listOf(at);
    goOn(at, 1);
  });
  at.busy = false;
}

async function reopen(at) {
  await change(at, { confirmed: false });
  at.show();
  focus("confirm");
}

function decide(at) {
  const { state } = at.receipt;
  const other = neighbour(at, 1) !== null;
  const isConfirmed = state === "confirmed";
  const label = say(isConfirmed ? "next" : other ? "confirmNext" : "confirm");
  return [
    iconButton("left", say("keyBack"), () => goOn(at, -1), "#previous", { disabled: !other }),
    isConfirmed && button("undo", say("reopen"), () => reopen(at), "#reopen"),
    button(isConfirmed ? "right" : "completed", label, () => confirm(at), "#confirm.primary", {
      "aria-keyshortcuts": "c",
      disabled: state === "reading" || state === "failed" || (isConfirmed && !other),
    }),
    !isConfirmed && iconButton("right", say("keyForward"), () => goOn(at, 1), "#next", { disabled: !other }),
    h("span.small", at.list?.total > 0 && say("toCheck", { n: at.list.total })),
    iconButton("help", say("keys"), showHelp, "#show-help"),
  ];
}

// Keys

const CONTROLS = "a, button, input, select, textarea, summary, dialog";
const TYPED = "input, select, textarea, dialog";
const isOff = () => recall("keys") === "off";

function listen(at) {
  const { signal } = at;
  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(TYPED)) return;
    const action = KEYS.find(([key]) => key === event.key)?.[2];
    if (event.key === "Escape" && at.editing) cancel(at);
    else if (event.key === "Enter" && !event.target.closest(CONTROLS) && at.receipt.receipt) nextDoubtful(at);
    else if (action && !isOff()) action(at);
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

function help() {
  const toggle = ({ target }) => remember("keys", target.checked ? "on" : "off");
  const row = ([key, name]) => h("div", h("dt", h("kbd", key)), h("dd", say(name)));
  return h("dialog#help", { "aria-labelledby": "help-title" }, [
    h("h2#help-title", say("keys")),
    h("dl.keys", KEYS.map(row)),
    h("label.check", [h("input", { type: "checkbox", checked: !isOff(), onchange: toggle }), say("singleKeys")]),
    h("form.actions", { method: "dialog" }, h("button.primary", say("close"))),
  ]);
}
