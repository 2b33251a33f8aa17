// Shows one reading as fields, text, Markdown or raw JSON, each with what Copy takes.

import { h, icon, table } from "./dom.js";
import { ITEM_KEYS, itemCell, nameOf, shownFields } from "./fields.js";
import { placeOf } from "./reading.js";
import { isDoubtful, roving } from "./sheet.js";
import { originWord, percentSure, say, sureWord, warningWord } from "./words.js";

const markdownOf = ({ markdown }) => markdown;
export const VIEWS = [
  { name: "fields", label: say("fields"), render: fields, text: fieldsText },
  { name: "text", label: say("text"), render: rows, text: (reading) => reading.text },
  { name: "markdown", label: say("markdown"), render: (reading) => pre(reading.markdown), text: markdownOf },
  { name: "raw", label: say("raw"), render: raw, text: ({ raw: answer, data }) => json(answer ?? data) },
];

function fields(reading) {
  const { receipt } = reading;
  return h("div", [
    warnings(receipt.warnings),
    roving(fieldTable(shownFields(reading), (field) => valueParts(receipt, field))),
    roving(itemTable(reading)),
  ]);
}

/** A field's value, whether it is to be looked at, and where it comes from. */
export function valueParts(receipt, { name, value }, corrections = {}) {
  const about = name in corrections ? say("origin.corrected") : originOf(receipt, name);
  const isPlain = receipt.evidence?.[name]?.source === "ocr";
  return [
    h(value === null ? "span.absent" : "span", value ?? say("notFound")),
    receipt.review?.includes(name) && [" ", h("span.doubt", say("pleaseCheck"))],
    about && [" ", h(`span.origin${isPlain ? "" : ".told"}`, about)],
  ];
}

/** A row for each field; `content` makes what stands in its cell. */
export function fieldTable(list, content) {
  const row = (field) =>
    h("tr", { "data-row": field.row }, [
      h("th", { scope: "row", id: field.name && `label-${field.name}` }, field.label),
      h("td", content(field)),
    ]);
  const body = h("tbody", list.map(row));
  return h("table.fields", h("caption.hidden", say("fields")), body);
}

/** Where a field comes from and how sure that is, in words; "" where nothing is known. */
export function originOf(receipt, name) {
  const evidence = receipt.evidence?.[name];
  return evidence ? [originWord(evidence), sureWord(evidence)].filter(Boolean).join(", ") : "";
}

export function warnings(names) {
  const item = (name) => h("li", icon("failed"), warningWord(name));
  return names.length > 0 && h("ul.warnings", { "aria-label": say("warnings") }, names.map(item));
}

/** The items in columns; a column that nothing stands in is left out. */
export function itemTable(reading) {
  const { items, currency, review } = reading.receipt;
  if (!items.length) return h("div");
  const keys = ITEM_KEYS.filter((key) => items.some((item) => itemCell(item, key, currency)));
  const side = (key) => ({ class: key === "description" ? "" : "number" });
  const head = keys.map((key) => h("th", { scope: "col", ...side(key) }, nameOf(key)));
  const row = (item, nth) => {
    const place = placeOf(reading, { name: `item${nth}`, printed: item.description, evidence: item.evidence });
    return h("tr", { "data-row": place }, keys.map((key) => h("td", side(key), itemCell(item, key, currency))));
  };
  const caption = [currency ? say("itemsIn", { currency }) : say("items")];
  if (review?.includes("items")) caption.push(" ", h("span.doubt", say("pleaseCheck")));
  return table(".items", caption, head, items.map(row));
}

function fieldsText(reading) {
  const { items } = reading.receipt;
  const sold = items.map((item) => ITEM_KEYS.map((key) => item[key] ?? ""));
  return [...shownFields(reading).map(({ label, value }) => [label, value ?? ""]), ...sold]
    .map((cells) => cells.join("\t"))
    .join("\n");
}

function rows(reading) {
  if (!reading.rows.length) return h("p.notice", say("noText"));
  return roving(h("ol.rows", reading.rows.map((row, number) => h("li", { "data-row": number }, words(row)))));
}

/** A row's text with the doubtful words marked. */
function words({ text, lines }) {
  const parts = [];
  let end = 0;
  for (const line of lines.filter(isDoubtful)) {
    parts.push(text.slice(end, line.at), h("span.doubtful", { title: percentSure(line.confidence) }, line.text));
    end = line.at + line.text.length;
  }
  return [...parts, text.slice(end)];
}

function raw({ raw: answer, data }) {
  return h("div", answer === null && h("p.small", say("rawNone")), pre(json(answer ?? data)));
}

const json = (value) => JSON.stringify(value, null, 2);
const pre = (text) => h("pre", text);
