// Corrects the fields of a receipt: each value is a button, and a form once it is pressed.

import { getJson, sendJson } from "./api.js";
import { announce, button, focus, h, iconButton, table } from "./dom.js";
import { ALWAYS, COLUMNS, fieldList, kindOf, nameOf, namesOf, readTyped, typed, valueOf } from "./fields.js";
import { forget, recall, remember } from "./memory.js";
import { roving } from "./sheet.js";
import { fieldTable, itemTable, originOf, valueParts } from "./views.js";
import { say } from "./words.js";

/** Send a change of the receipt; whether it was taken. What another one changed first is kept. */
export async function change(at, changes) {
  const { id, updatedAt } = at.receipt;
  try {
    at.receipt = await sendJson("PATCH", `receipts/${id}`, { updatedAt, ...changes });
    at.conflict = null;
    return true;
  } catch (error) {
    if (error.status !== 409) throw error;
    const before = at.receipt;
    at.receipt = await getJson(`receipts/${id}`, at.signal);
    at.conflict = differences(before, at.receipt);
    announce(say("changedMeanwhile"));
    return false;
  }
}

const toldOf = (name, receipt) => valueOf(name, receipt[name], receipt) ?? say("notFound");

/** The fields of which two states of a receipt say something else: [{name, before, now}]. */
function differences(before, now) {
  const [old, fresh] = [before.receipt ?? {}, now.receipt ?? {}];
  const names = [...namesOf(fresh), "items"].filter((one) => JSON.stringify(old[one]) !== JSON.stringify(fresh[one]));
  return names.map((name) => ({ name, before: toldOf(name, old), now: toldOf(name, fresh) }));
}

/** What another window changed, less the field that is being typed, which tells it itself. */
export function conflictNotice({ conflict, editing }) {
  const others = conflict?.filter(({ name }) => name !== editing?.name);
  if (!conflict || (conflict.length && !others.length)) return null;
  return h("div.notice.conflict", { role: "alert" }, [
    h("p", say("changedMeanwhile")),
    h("ul", [others.map(({ name, before, now }) => h("li", `${nameOf(name)}: ${before} → `, h("b", now)))]),
  ]);
}

// What is being typed outlives a reload, a lost server and a look at another receipt.

const draftName = (at) => `draft-${at.receipt.id}`;

export function draftOf(at) {
  const kept = recall(draftName(at));
  return kept && JSON.parse(kept);
}

function keepDraft(at) {
  const { name, draft } = at.editing;
  remember(draftName(at), JSON.stringify({ name, draft }), false);
}

/** Begin to correct a field; `onward` goes on to the next doubtful one when it is saved. */
export function edit(at, name, onward = false) {
  const { receipt } = at.receipt;
  const text = (kind, value) => typed(kind, value, receipt.currency);
  const line = (one) => Object.entries(COLUMNS[name]).map(([key, kind]) => text(kind, one[key]));
  const isList = name in COLUMNS;
  const lines = isList && receipt[name].length ? receipt[name] : [{}];
  const draft = isList ? lines.map(line) : text(kindOf(name), receipt[name]);
  at.editing = { name, draft, before: draft, onward: onward || toCheck(at.receipt).includes(name) };
  at.showField();
  const input = document.getElementById(`input-${name}`);
  input.focus();
  input.select?.();
}

/** Stop correcting without a change, and go back to the field. */
export function cancel(at) {
  const { name } = at.editing;
  stop(at);
  focus(`field-${name}`);
}

function stop(at) {
  forget(draftName(at));
  at.editing = at.conflict = null;
  at.show();
}

/** The fields to look at; where nothing was read, those that every receipt has. */
export const toCheck = ({ state, review }) => (state === "failed" ? ALWAYS : review);

/** Go to the next field a person should look at, else to the button that confirms. */
export function nextDoubtful(at, after = null) {
  const order = [...namesOf(at.receipt.receipt ?? {}), "items"];
  const next = order.slice(order.indexOf(after) + 1).find((name) => toCheck(at.receipt).includes(name));
  if (next) return edit(at, next, true);
  announce(say("nothingElse"));
  return focus("confirm", { preventScroll: true });
}

/** Save what is typed; whether it is saved. Nothing is sent for what was left as it was. */
export async function saveEditing(at, go = true) {
  const { name, draft, before, onward } = at.editing;
  const value = name in COLUMNS ? readLines(draft, COLUMNS[name]) : readTyped(kindOf(name), draft);
  if (Number.isNaN(value)) return refuse(at, say("noNumber"));
  if (JSON.stringify(draft) !== JSON.stringify(before)) {
    try {
      if (!(await change(at, { set: { [name]: value } }))) return refuse(at, null);
    } catch (error) {
      return refuse(at, error.status ? error.message : say("notSaved", { why: error.message }));
    }
    announce(say("saved", { field: nameOf(name) }));
  }
  stop(at);
  if (go && onward) nextDoubtful(at, name);
  else if (go) focus(`field-${name}`);
  return true;
}

function refuse(at, words) {
  at.editing.error = words;
  at.show();
  focus(`input-${at.editing.name}`);
  return false;
}

/** The lines of a list that were typed, without those that are empty; NaN where a number is none. */
function readLines(lines, columns) {
  const cell = ([key, kind], text) => [key, readTyped(kind, text)];
  const read = lines
    .filter((texts) => texts.some((text) => text.trim()))
    .map((texts) => Object.entries(columns).map((column, nth) => cell(column, texts[nth])));
  if (read.flat(2).some(Number.isNaN)) return NaN;
  return read.map(Object.fromEntries);
}

async function takeBack(at, name) {
  await change(at, { unset: [name] });
  stop(at);
  focus(`field-${name}`);
}

// The fields and items with their forms

export function correctable(at, reading) {
  const list = fieldList(reading);
  const isShown = ({ name, isShown }) => isShown || name === at.editing?.name;
  const content = (field) => (field.name === at.editing?.name ? form(at, reading) : value(at, reading, field));
  const shown = (fields) => roving(fieldTable(fields, content), ".value");
  const rest = list.filter((field) => !isShown(field));
  const items = { name: "items", value: say(reading.receipt.items.length ? "correctItems" : "addItems") };
  return h("div", [
    shown(list.filter(isShown)),
    at.editing?.name === "items" ? h("div.items", form(at, reading)) : [itemTable(reading), value(at, reading, items)],
    rest.length > 0 && h("details.rest", h("summary", say("notFoundFields")), shown(rest)),
  ]);
}

function value(at, { receipt }, field) {
  const { name } = field;
  const parts = valueParts(receipt, field, at.receipt.corrections);
  const labelledby = name !== "items" && `label-${name} field-${name}`;
  return button(null, parts, () => edit(at, name), `#field-${name}.value`, { "aria-labelledby": labelledby });
}

function form(at, reading) {
  const { name, error, draft } = at.editing;
  const clash = at.conflict?.find((one) => one.name === name);
  const onsubmit = (event) => {
    event.preventDefault();
    saveEditing(at);
  };
  const onkeydown = (event) => {
    if (event.key === "Escape") cancel(at);
  };
  const label = say("correctField", { field: nameOf(name) });
  return h("form.edit", { "aria-label": label, novalidate: true, onsubmit, onkeydown }, [
    name in COLUMNS ? lineInputs(at, name, draft) : input(at, name, draft),
    clash ? choice(at, clash) : buttons(at),
    error && h("p#input-error.error", { role: "alert" }, error),
    about(at, reading, name),
  ]);
}

function input(at, name, draft) {
  const kind = kindOf(name);
  const sum = kind === "sum" && { inputmode: "decimal" };
  const code = name === "currency" && { maxlength: "3", autocapitalize: "characters", list: "currencies" };
  return [
    h("input", {
      ...{ id: `input-${name}`, type: kind === "sum" ? "text" : kind, autocomplete: "off" },
      ...{ value: draft, "aria-label": nameOf(name), "aria-describedby": "input-error input-about" },
      ...{ "aria-invalid": at.editing.error ? "true" : null, ...sum, ...code },
      oninput: (event) => type(at, event.target.value),
    }),
    code && h("datalist#currencies", Intl.supportedValuesOf("currency").map((value) => h("option", { value }))),
  ];
}

function type(at, draft) {
  at.editing.draft = draft;
  keepDraft(at);
}

function buttons(at) {
  const { name } = at.editing;
  return h("div.actions", [
    h("button#save.primary", say("save")),
    button(null, say("cancel"), () => cancel(at)),
    name in at.receipt.corrections && button("undo", say("takeBack"), () => takeBack(at, name), "#take-back"),
  ]);
}

/** The two values of a field that another window changed first. */
function choice(at, { now }) {
  const mine = at.editing.name in COLUMNS ? say("myItems") : at.editing.draft;
  return h("div.conflict", { role: "alert" }, [
    h("p", say("changedTo", { now, mine })),
    h("div.actions", [
      button(null, say("keepTheirs", { value: now }), () => cancel(at), "#theirs"),
      h("button#mine.primary", say("useMine", { value: mine })),
    ]),
  ]);
}

/** Where the value comes from, and what was read where it was corrected. */
function about(at, reading, name) {
  const corrected = name in at.receipt.corrections;
  const words = [originOf(reading.receipt, name), corrected && say("wasRead", { value: toldOf(name, at.read ?? {}) })];
  return h("p#input-about.small", words.filter(Boolean).join(" · "));
}

/** The lines of a list, which are cells of text, and a button for another. */
function lineInputs(at, name, rows) {
  const keys = Object.keys(COLUMNS[name]);
  const again = (next, focused) => {
    type(at, next);
    at.showField();
    focus(idOf(name, focused, 0));
  };
  const remove = (nth) => () => again(rows.toSpliced(nth, 1), Math.max(0, nth - 1));
  const line = (row, nth) =>
    h("tr", [
      keys.map((key, column) => h("td", lineInput(at, row, nth, key, column))),
      h("td", iconButton("close", say("removeItem", { n: nth + 1 }), remove(nth))),
    ]);
  const add = () => again([...rows, keys.map(() => "")], rows.length);
  return [
    table(".typing", null, [...keys.map(nameOf), h("td")], rows.map(line)),
    button("plus", say("addItem"), add, "#add-item.quiet"),
  ];
}

const idOf = (name, nth, column) => `input-${name}${nth || column ? `-${nth}-${column}` : ""}`;

function lineInput(at, row, nth, key, column) {
  const label = nameOf(key);
  const oninput = (event) => {
    row[column] = event.target.value;
    keepDraft(at);
  };
  return h(`input#${idOf(at.editing.name, nth, column)}`, {
    ...{ "aria-label": `${label} ${nth + 1}`, placeholder: label, inputmode: key === "description" ? null : "decimal" },
    ...{ autocomplete: "off", value: row[column], oninput },
  });
}
