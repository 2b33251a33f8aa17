// Shows one reading as fields, text, Markdown or raw JSON, each with what Copy takes.

import { h, icon } from "./dom.js";
import { rowWith } from "./reading.js";
import { isDoubtful, roving } from "./sheet.js";
import {
  bareMoney,
  LOCALE,
  money,
  originWord,
  printedDate,
  say,
  sourceWord,
  warningWord,
} from "./words.js";

export const VIEWS = [
  { name: "fields", render: fields, text: fieldsText },
  { name: "text", render: rows, text: (reading) => reading.text },
  {
    name: "markdown",
    render: ({ markdown }) => pre(markdown),
    text: ({ markdown }) => markdown,
  },
  { name: "raw", render: raw, text: ({ raw: answer, data }) => json(answer ?? data) },
];

const A_TOTAL = /(?<!sub.?)total|amount due|summe|gesamt|importe/i;
const A_TAX = /tax|vat|gst|mwst|ust|tva|iva/i;

/** Name, value, what is printed and what its row is called; the first three also when not found. */
export function fieldList({ receipt }) {
  const sum = (value) => (value === null ? null : money(value, receipt.currency));
  const all = [
    ["merchant", receipt.merchant, receipt.merchant],
    ["date", when(receipt), null],
    ["total", sum(receipt.total), receipt.total, A_TOTAL],
    ["subtotal", sum(receipt.subtotal), receipt.subtotal],
    ["discount", sum(receipt.discount), receipt.discount],
    ...receipt.taxes.map((tax) => [tax, sum(tax.amount), tax.amount, A_TAX]),
    ["tax", isOnlyTax(receipt) ? null : sum(receipt.tax), receipt.tax, A_TAX],
    ["tip", sum(receipt.tip), receipt.tip],
    ["paidBy", payment(receipt), receipt.cardLast4],
    ["receiptNumber", receipt.receiptNumber, receipt.receiptNumber],
    ["address", receipt.merchantAddress, receipt.merchantAddress],
    ["phone", receipt.merchantPhone, receipt.merchantPhone],
    ["taxNumber", receipt.merchantTaxId, receipt.merchantTaxId],
  ];
  return all
    .map(([name, value, printed, named]) => ({
      name,
      label: name.amount === undefined ? say(name) : taxLabel(name),
      value,
      printed,
      named,
    }))
    .filter(({ value }, number) => number < 3 || value !== null);
}

function when({ date, time }) {
  return date === null ? time : [printedDate(date), time].filter(Boolean).join(", ");
}

function taxLabel({ rate }) {
  return rate === null ? say("taxOfARate") : say("taxAt", { rate });
}

/** Whether the sum of the taxes would only say the one tax again. */
function isOnlyTax({ taxes, tax }) {
  return taxes.length === 1 && taxes[0].amount === tax;
}

function payment({ paymentMethod, cardLast4 }) {
  return [paymentMethod, cardLast4 && `•••• ${cardLast4}`].filter(Boolean).join(" ") || null;
}

function fields(reading) {
  const { receipt } = reading;
  const lines = fieldList(reading).map(({ name, label, value, printed, named }) =>
    h(
      "tr",
      { "data-row": rowWith(reading, printed, named) },
      h("th", { scope: "row" }, label),
      h(
        "td",
        { class: value === null ? "absent" : "" },
        value ?? say("notFound"),
        origin(originWord(receipt.evidence?.[name])),
        receipt.review?.includes(name) && h("span", { class: "check" }, say("pleaseCheck")),
      ),
    ),
  );
  return h(
    "div",
    {},
    warnings(receipt.warnings),
    roving(
      h(
        "table",
        { class: "fields" },
        h("caption", { class: "hidden" }, say("fields")),
        h("tbody", {}, lines),
      ),
    ),
    receipt.items.length > 0 && roving(items(reading)),
    h("p", { class: "small source" }, `${sourceWord(receipt.source)} ${reading.model}`),
  );
}

function origin(words) {
  return words && h("span", { class: "origin" }, ` ${words}`);
}

function warnings(names) {
  return (
    names.length > 0 &&
    h(
      "ul",
      { class: "warnings", "aria-label": say("warnings") },
      names.map((name) => h("li", {}, icon("failed"), warningWord(name))),
    )
  );
}

/** The items in columns; a column that nothing stands in is left out. */
function items(reading) {
  const { items: list, currency } = reading.receipt;
  const sum = (value) => (value === null ? "" : bareMoney(value, currency));
  const columns = [
    [say("item"), (item) => item.description],
    [say("quantity"), (item) => item.quantity?.toLocaleString(LOCALE) ?? ""],
    [say("price"), (item) => sum(item.unitPrice)],
    [say("amount"), (item) => sum(item.amount)],
  ].filter(([, cell]) => list.some(cell));
  const row = (tag, attributes, cells) =>
    h(
      "tr",
      attributes.row,
      cells.map((text, nth) => h(tag, { ...attributes.cell, class: nth ? "number" : "" }, text)),
    );
  const head = row(
    "th",
    { row: {}, cell: { scope: "col" } },
    columns.map(([label]) => label),
  );
  const body = list.map((item) =>
    row(
      "td",
      { row: { "data-row": rowWith(reading, item.description) } },
      columns.map(([, cell]) => cell(item)),
    ),
  );
  const named = currency ? say("itemsIn", { currency }) : say("items");
  const caption = reading.receipt.review?.includes("items")
    ? say("itemsCheck", { items: named })
    : named;
  return h(
    "table",
    { class: "items" },
    h("caption", {}, caption),
    h("thead", {}, head),
    h("tbody", {}, body),
  );
}

function fieldsText(reading) {
  const { items: list } = reading.receipt;
  const lines = fieldList(reading).map(({ label, value }) => [label, value ?? ""]);
  const sold = list.map((item) => [
    item.description,
    item.quantity ?? "",
    item.unitPrice ?? "",
    item.amount ?? "",
  ]);
  return [...lines, ...sold].map((cells) => cells.join("\t")).join("\n");
}

function rows(reading) {
  if (!reading.rows.length)
    return h("p", { class: "notice" }, say("noText"));
  return roving(
    h(
      "ol",
      { class: "rows" },
      reading.rows.map((row, number) => h("li", { "data-row": number }, words(row))),
    ),
  );
}

/** A row's text with the doubtful words marked. */
function words({ text, lines }) {
  const parts = [];
  let end = 0;
  for (const line of lines.filter(isDoubtful)) {
    const sure = say("percentSure", { percent: Math.round(line.confidence * 100) });
    parts.push(text.slice(end, line.at), h("span", { class: "doubtful", title: sure }, line.text));
    end = line.at + line.text.length;
  }
  return [...parts, text.slice(end)];
}

function raw({ raw: answer, data }) {
  const words = say(answer === null ? "rawNone" : "rawOwn");
  return h("div", {}, h("p", { class: "small" }, words), pre(json(answer ?? data)));
}

const json = (value) => JSON.stringify(value, null, 2);
const pre = (text) => h("pre", {}, text);
