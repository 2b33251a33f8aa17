// Corrects the fields of a receipt: each value is a button, and a form once it is pressed.

import { getJson, sendJson } from "./api.js";
import { announce, button, focus, h, iconButton, table } from "./dom.js";
import { fieldList, ITEM_KEYS, KINDS, nameOf, readTyped, typed, valueOf } from "./fields.js";
import { forget, recall, remember } from "./memory.js";
import { roving } from "./sheet.js";
import { fieldTable, itemTable, originOf } from "./views.js";
import { say } from "./words.js";

const ORDER = [...Object.keys(KINDS), "items"];
const EMPTY_ITEM = { description: "", quantity: null, unitPrice: null, amount: null };

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
  const names = ORDER.filter((name) => JSON.stringify(old[name]) !== JSON.stringify(fresh[name]));
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
  const value = receipt[name];
  const draft =
    name === "items"
      ? (value.length ? value : [EMPTY_ITEM]).map((item) => typedItem(item, receipt.currency))
      : typed(KINDS[name], value, receipt.currency);
  at.editing = { name, draft, before: draft, onward: onward || receipt.review.includes(name) };
  at.showField();
  const input = document.getElementById(`input-${name}`);
  input.focus();
  input.select?.();
}

function typedItem(item, currency) {
  const kinds = { description: "text", quantity: "quantity", unitPrice: "sum", amount: "sum" };
  return ITEM_KEYS.map((key) => typed(kinds[key], item[key], currency));
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

/** Go to the next field a person should look at, else to the button that confirms. */
export function nextDoubtful(at, after = null) {
  const next = ORDER.slice(ORDER.indexOf(after) + 1).find((name) => at.receipt.review.includes(name));
  if (next) return edit(at, next, true);
  announce(say("nothingElse"));
  return focus("confirm", { preventScroll: true });
}

/** Save what is typed; whether it is saved. Nothing is sent for what was left as it was. */
export async function saveEditing(at, go = true) {
  const { name, draft, before, onward } = at.editing;
  const value = name === "items" ? readItems(draft) : readTyped(KINDS[name], draft);
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

/** The items that were typed, without rows that are empty; NaN where a number is none. */
function readItems(rows) {
  const items = rows
    .filter((cells) => cells.some((text) => text.trim()))
    .map(([description, ...numbers]) => [description.trim(), ...numbers.map((text) => readTyped("sum", text))]);
  if (items.flat().some(Number.isNaN)) return NaN;
  return items.map((cells) => Object.fromEntries(cells.map((cell, nth) => [ITEM_KEYS[nth], cell])));
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

function value(at, reading, { name, value }) {
  if (!name) return value;
  const check = reading.receipt.review.includes(name) && at.receipt.state !== "confirmed";
  const about = name in at.receipt.corrections ? say("origin.corrected") : originOf(reading.receipt, name);
  const isPlain = reading.receipt.evidence?.[name]?.source === "ocr";
  const parts = [
    h("span", value ?? say("notFound")),
    check && [" ", h("span.doubt", say("pleaseCheck"))],
    about && [" ", h(`span.origin${isPlain ? "" : ".told"}`, about)],
  ];
  return button(null, parts, () => edit(at, name), `#field-${name}.value${value === null ? ".absent" : ""}`, {
    "aria-labelledby": name !== "items" && `label-${name} field-${name}`,
  });
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
    name === "items" ? itemInputs(at, draft) : input(at, name, draft),
    clash ? choice(at, clash) : buttons(at),
    error && h("p#input-error.error", { role: "alert" }, error),
    about(at, reading, name),
  ]);
}

function input(at, name, draft) {
  const kind = KINDS[name];
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
  const mine = at.editing.name === "items" ? say("myItems") : at.editing.draft;
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
  const corrected = name in at.receipt.corrections && name !== "items";
  const words = [originOf(reading.receipt, name), corrected && say("wasRead", { value: toldOf(name, at.read ?? {}) })];
  return h("p#input-about.small", words.filter(Boolean).join(" · "));
}

/** A line for each item, which are cells of text, and a button for another. */
function itemInputs(at, rows) {
  const again = (next, focused) => {
    type(at, next);
    at.showField();
    focus(idOf(focused, 0));
  };
  const remove = (nth) => () => again(rows.toSpliced(nth, 1), Math.max(0, nth - 1));
  const line = (row, nth) =>
    h("tr", [
      row.map((text, column) => h("td", itemInput(at, row, nth, column))),
      h("td", iconButton("close", say("removeItem", { n: nth + 1 }), remove(nth))),
    ]);
  const add = () => again([...rows, ["", "", "", ""]], rows.length);
  return [
    table(".typing", null, [...ITEM_KEYS.map(nameOf), h("td")], rows.map(line)),
    button("plus", say("addItem"), add, "#add-item.quiet"),
  ];
}

const idOf = (nth, column) => (nth || column ? `input-items-${nth}-${column}` : "input-items");

function itemInput(at, row, nth, column) {
  const name = nameOf(ITEM_KEYS[column]);
  const oninput = (event) => {
    row[column] = event.target.value;
    keepDraft(at);
  };
  return h(`input#${idOf(nth, column)}`, {
    ...{ "aria-label": `${name} ${nth + 1}`, placeholder: name, inputmode: column ? "decimal" : null },
    ...{ autocomplete: "off", value: row[column], oninput },
  });
}
