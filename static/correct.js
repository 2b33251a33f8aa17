// Corrects the fields of a receipt: each value is a button, and a form once it is pressed.

import { getJson, request } from "./api.js";
import { announce, attempt, button, h, icon, iconButton } from "./dom.js";
import { fieldList, ITEM_KEYS, KINDS, nameOf, readTyped, typed, valueOf } from "./fields.js";
import { forget, recall, remember } from "./memory.js";
import { say } from "./words.js";
import { roving } from "./sheet.js";
import { fieldTable, itemTable, originOf } from "./views.js";

const EMPTY_ITEM = { description: "", quantity: null, unitPrice: null, amount: null };

/** Send a change of the receipt; whether it was taken. What another one changed first is kept. */
export async function change(at, changes) {
  const body = JSON.stringify({ updatedAt: at.receipt.updatedAt, ...changes });
  const options = { method: "PATCH", body: new Blob([body], { type: "application/json" }) };
  try {
    at.receipt = await (await request(`receipts/${at.receipt.id}`, options)).json();
    at.conflict = null;
    return true;
  } catch (error) {
    if (error.status !== 409) throw error;
    const before = at.receipt;
    at.receipt = await getJson(`receipts/${before.id}`, at.signal);
    at.conflict = differences(before, at.receipt);
    announce(say("changedMeanwhile"));
    return false;
  }
}

/** The fields of which two states of a receipt say something else: [{name, before, now}]. */
function differences(before, now) {
  const [old, fresh] = [before.receipt ?? {}, now.receipt ?? {}];
  const names = [...Object.keys(KINDS), "items"].filter(
    (name) => JSON.stringify(old[name]) !== JSON.stringify(fresh[name]),
  );
  return names.map((name) => ({
    name,
    before: valueOf(name, old[name], old) ?? say("notFound"),
    now: valueOf(name, fresh[name], fresh) ?? say("notFound"),
  }));
}

/** What another window changed, less the field that is being typed, which tells it itself. */
export function conflictNotice({ conflict, editing }) {
  const others = conflict?.filter(({ name }) => name !== editing?.name);
  if (!conflict || (conflict.length && !others.length)) return null;
  return h(
    "div",
    { class: "notice conflict", role: "alert" },
    h("p", {}, say("changedMeanwhile")),
    h(
      "ul",
      {},
      others.map(({ name, before, now }) =>
        h("li", {}, `${nameOf(name)}: ${before} → `, h("b", {}, now)),
      ),
    ),
  );
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
  document.getElementById(`field-${name}`)?.focus();
}

function stop(at) {
  forget(draftName(at));
  at.editing = at.conflict = null;
  at.show();
}

/** Go to the next field a person should look at, else to the button that confirms. */
export function nextDoubtful(at, after = null) {
  const order = [...Object.keys(KINDS), "items"];
  const left = order.filter(
    (name) => at.receipt.review.includes(name) && order.indexOf(name) > order.indexOf(after),
  );
  if (left.length) return edit(at, left[0], true);
  announce(say("nothingElse"));
  return document.getElementById("confirm")?.focus({ preventScroll: true });
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
  else if (go) document.getElementById(`field-${name}`)?.focus();
  return true;
}

function refuse(at, words) {
  at.editing.error = words;
  at.show();
  document.getElementById(`input-${at.editing.name}`)?.focus();
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
  await attempt(async () => {
    await change(at, { unset: [name] });
    stop(at);
    document.getElementById(`field-${name}`)?.focus();
  });
}

// The fields and items with their forms

export function correctable(at, reading) {
  const list = fieldList(reading);
  const isShown = ({ name, isShown }) => isShown || name === at.editing?.name;
  const content = (field) => (field.name === at.editing?.name ? form(at, reading) : value(at, reading, field));
  const rest = list.filter((field) => !isShown(field));
  const items =
    at.editing?.name === "items" ? h("div", { class: "items" }, form(at, reading)) : itemTable(reading);
  return h(
    "div",
    {},
    roving(fieldTable(list.filter(isShown), content), ".value"),
    items,
    at.editing?.name !== "items" && value(at, reading, itemsField(reading)),
    rest.length > 0 &&
      h("details", { class: "rest" }, h("summary", {}, say("notFoundFields")), roving(fieldTable(rest, content), ".value")),
  );
}

function itemsField({ receipt }) {
  return { name: "items", value: receipt.items.length ? say("correctItems") : say("addItems") };
}

function value(at, reading, { name, value }) {
  if (!name) return value;
  const check = reading.receipt.review.includes(name) && at.receipt.state !== "confirmed";
  const about = name in at.receipt.corrections ? say("origin.corrected") : originOf(reading.receipt, name);
  const isPlain = reading.receipt.evidence?.[name]?.source === "ocr";
  return h(
    "button",
    {
      type: "button",
      id: `field-${name}`,
      class: `value${value === null ? " absent" : ""}`,
      "aria-labelledby": name !== "items" && `label-${name} field-${name}`,
      onclick: () => edit(at, name),
    },
    h("span", {}, value ?? say("notFound")),
    check && [" ", h("span", { class: "doubt" }, say("pleaseCheck"))],
    about && [" ", h("span", { class: `origin ${isPlain ? "" : "told"}` }, about)],
  );
}

function form(at, reading) {
  const { name, error, draft } = at.editing;
  const clash = at.conflict?.find((one) => one.name === name);
  return h(
    "form",
    {
      class: "edit",
      "aria-label": say("correctField", { field: nameOf(name) }),
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        saveEditing(at);
      },
      onkeydown: (event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        cancel(at);
      },
    },
    name === "items" ? itemInputs(at, draft) : input(at, name, draft),
    clash ? choice(at, clash) : buttons(at),
    error && h("p", { class: "error", role: "alert", id: "input-error" }, error),
    about(at, reading, name),
  );
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
    code && h("datalist", { id: "currencies" }, Intl.supportedValuesOf("currency").map((value) => h("option", { value }))),
  ];
}

function type(at, draft) {
  at.editing.draft = draft;
  keepDraft(at);
}

function buttons(at) {
  const { name } = at.editing;
  return h(
    "div",
    { class: "actions" },
    h("button", { class: "primary", id: "save" }, say("save")),
    button(null, say("cancel"), () => cancel(at)),
    name in at.receipt.corrections && button("undo", say("takeBack"), () => takeBack(at, name), { id: "take-back" }),
  );
}

/** The two values of a field that another window changed first. */
function choice(at, { now }) {
  const mine = at.editing.name === "items" ? say("myItems") : at.editing.draft;
  return h(
    "div",
    { class: "conflict", role: "alert" },
    h("p", {}, say("changedTo", { now, mine })),
    h(
      "div",
      { class: "actions" },
      button(null, say("keepTheirs", { value: now }), () => cancel(at), { id: "theirs" }),
      h("button", { class: "primary", id: "mine" }, say("useMine", { value: mine })),
    ),
  );
}

/** Where the value comes from, and what was read where it was corrected. */
function about(at, reading, name) {
  const read = at.read?.[name];
  const corrected = name in at.receipt.corrections;
  const words = [
    originOf(reading.receipt, name),
    corrected && name !== "items" && say("wasRead", { value: valueOf(name, read, at.read ?? {}) ?? say("notFound") }),
  ].filter(Boolean);
  return h("p", { class: "small", id: "input-about" }, words.join(" · "));
}

function itemInputs(at, rows) {
  const again = (next, focus) => {
    type(at, next);
    at.showField();
    document.getElementById(focus)?.focus();
  };
  const cell = (row, nth) => (text, column) =>
    h("td", {}, h("input", {
      id: column || nth ? `input-items-${nth}-${column}` : "input-items",
      "aria-label": `${nameOf(ITEM_KEYS[column])} ${nth + 1}`,
      placeholder: nameOf(ITEM_KEYS[column]),
      inputmode: column ? "decimal" : null,
      autocomplete: "off",
      value: text,
      oninput: (event) => {
        row[column] = event.target.value;
        keepDraft(at);
      },
    }));
  const line = (row, nth) =>
    h("tr", {}, row.map(cell(row, nth)), h("td", {}, iconButton("close", say("removeItem", { n: nth + 1 }), () =>
      again(rows.filter((one) => one !== row), nth ? `input-items-${nth - 1}-0` : "input-items"))));
  return [
    h("table", { class: "typing" },
      h("thead", {}, h("tr", {}, ITEM_KEYS.map((key) => h("th", { scope: "col" }, nameOf(key))), h("td"))),
      h("tbody", {}, rows.map(line))),
    button("plus", say("addItem"), () => again([...rows, ["", "", "", ""]], `input-items-${rows.length}-0`), {
      class: "quiet",
      id: "add-item",
    }),
  ];
}
