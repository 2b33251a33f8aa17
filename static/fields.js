// The fields of a receipt: their names, values and places, and how they are typed and written.

import { placeOf } from "./reading.js";
import { bareMoney, fieldWord, LOCALE, money, percent, printedDate, say } from "./words.js";

/**
 * How each field is typed, in the order of the page; the first three are shown also when not found.
 * A field that is not here is text, and comes last.
 */
const KINDS = {
  ...{ merchant: "text", date: "date", total: "sum", time: "time", currency: "text" },
  ...{ subtotal: "sum", discount: "sum", tax: "sum", taxes: "list", tip: "sum" },
  ...{ paymentMethod: "text", cardLast4: "text" },
  ...{ receiptNumber: "text", merchantAddress: "text", merchantPhone: "text", merchantTaxId: "text" },
};
/** The columns of the fields that are lists, and how each is typed. */
export const COLUMNS = {
  items: { description: "text", quantity: "number", unitPrice: "sum", amount: "sum" },
  taxes: { rate: "number", amount: "sum" },
};
const WORDS = {
  ...{ paymentMethod: "paidBy", merchantAddress: "address", merchantPhone: "phone", merchantTaxId: "taxNumber" },
  ...{ description: "item", unitPrice: "price" },
};
const NOT_PRINTED = ["source", "items", "warnings", "review", "evidence", "page", "box"];
export const kindOf = (name) => KINDS[name] ?? "text";
/** The names of a receipt's fields but the items, in the order of the page. */
export const namesOf = (receipt) =>
  [...new Set([...Object.keys(KINDS), ...Object.keys(receipt)])].filter((name) => !NOT_PRINTED.includes(name));
export const ALWAYS = Object.keys(KINDS).slice(0, 3);
const BESIDE = { currency: "total" }; // where they stand
const NAMED = {
  ...{ total: /(?<!sub.?)total|amount due|summe|gesamt|importe/i, tax: /tax|vat|gst|mwst|ust|tva|iva/i },
  ...{ discount: /%|[-−]\s*\p{Sc}?\s*\d|\d-(?!\d)|di[sc]|rabatt|remise|des[ck]/iu },
  paymentMethod: /(?<!\p{L})(cash|card|visa|master|maestro|amex|debit|credit|bar|tunai)(?!\p{L}).*\d[.,]\d\d/iu,
};

/** What a field or a column of the items is called. */
export const nameOf = (name) => fieldWord(WORDS[name] ?? name);

/** All fields: {name, label, value, row, isShown}, where value is in words and row says the place. */
export function fieldList(reading) {
  const { receipt } = reading;
  return namesOf(receipt).map((name) => {
    const value = valueOf(name, receipt[name], receipt);
    const isShown = ALWAYS.includes(name) || value !== null || receipt.review?.includes(name);
    return { name, label: nameOf(name), value, row: value && rowOf(reading, BESIDE[name] ?? name), isShown };
  });
}

function rowOf(reading, name) {
  const { [name]: value, evidence } = reading.receipt;
  if (name === "taxes") return rowsOfTaxes(reading);
  const printed = name === "time" ? timePattern(value) : value;
  return placeOf(reading, { name, printed, named: NAMED[name], evidence: evidence?.[name] });
}

/** The rows of all taxes; that of their sum where they have none. */
function rowsOfTaxes(reading) {
  const place = ({ rate, amount }) => placeOf(reading, { printed: amount, named: ratePattern(rate) });
  const rows = reading.receipt.taxes.map(place).filter(Boolean);
  return rows.length ? [...new Set(rows)].join(" ") : rowOf(reading, "tax");
}

const ratePattern = (rate) =>
  rate === null ? NAMED.tax : new RegExp(`(?<![\\d.,])${String(rate).replace(".", "[.,]")}([.,]0+)? *%`);

/** A time as it may be printed, by twelve hours too: 7:43 or 7.43 for 19:43. */
function timePattern(time) {
  const [hour, minute] = time.split(":");
  return new RegExp(`(?<![\\d.,])0?(${Number(hour)}|${hour % 12 || 12}) ?[:.h] ?${minute}(?!\\d)`, "i");
}

export const shownFields = (reading) => fieldList(reading).filter(({ isShown }) => isShown);

/** A field's value as it is read by people, or null. */
export function valueOf(name, value, { currency }) {
  if (value === null || value === undefined) return null;
  if (name === "items") return value.length ? say("itemCount", { n: value.length }) : null;
  if (name === "taxes") return value.map((one) => rateOf(one, currency)).join(" · ") || null;
  if (KINDS[name] === "sum") return money(value, currency);
  return name === "date" ? printedDate(value) : value;
}

function rateOf({ rate, amount }, currency) {
  const parts = [rate === null ? null : percent(rate), amount === null ? null : money(amount, currency)];
  return parts.filter(Boolean).join(": ");
}

export const ITEM_KEYS = Object.keys(COLUMNS.items);
/** What stands in an item's column, in words. */
export function itemCell(item, key, currency) {
  if (item[key] === null || item[key] === undefined) return "";
  if (key === "description") return item[key];
  return key === "quantity" ? item[key].toLocaleString(LOCALE) : bareMoney(item[key], currency);
}

/** What stands in an input before anything is typed. */
export function typed(kind, value, currency) {
  if (value === null || value === undefined) return "";
  if (kind === "number") return value.toLocaleString(LOCALE, { useGrouping: false, maximumFractionDigits: 4 });
  return kind === "sum" ? bareMoney(value, currency, false) : String(value);
}

/** What was typed as the API wants it; null for nothing, NaN for what is no number. */
export function readTyped(kind, text) {
  const value = text.trim();
  if (!value) return null;
  return kind === "sum" || kind === "number" ? readNumber(value) : value;
}

/**
 * A number with a point or a comma before its decimals: the last of them, unless three digits come
 * after it, which only the sign of this browser's language makes decimals.
 */
function readNumber(text) {
  const decimal = (1.5).toLocaleString(LOCALE)[1];
  const bare = text.replace(/[\s'’\u00a0\u202f]/g, "").replace("−", "-");
  const parts = /^(-?)([\d.,]*?)(?:([.,])(\d+))?$/.exec(bare);
  if (!parts) return NaN;
  const [, sign, whole, separator = "", decimals = ""] = parts;
  const isGroup = decimals.length === 3 && separator !== decimal && whole;
  const digits = whole.replace(/[.,]/g, "");
  if (!digits && !decimals) return NaN;
  return Number(`${sign}${digits || 0}${isGroup ? "" : "."}${decimals || 0}`);
}
