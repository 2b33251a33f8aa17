// Shows two readings of one file side by side, with the differences of fields and rows marked.

import { compareRows, compareWords } from "./diff.js";
import { h, scroller, table } from "./dom.js";
import { shownFields } from "./fields.js";
import { roving } from "./sheet.js";
import { say } from "./words.js";

/** Two readings with their names, each {name, reading}. */
export function comparison(...sides) {
  const [left, right] = sides.map(({ reading }) => reading);
  const names = sides.map(({ name }) => name);
  const pairs = compareRows(...[left, right].map(({ rows }) => rows.map(({ text }) => text)));
  const same = pairs.filter((pair) => pair.same).length;
  const texts = pairs.map((pair) => textRow(pair, left, right));
  return scroller(say("twoReadings"), [
    h("p", say("sameRows", { same, all: pairs.length })),
    fieldComparison(sides),
    roving(table(".compare", say("text"), names, texts)),
  ]);
}

/** A column for each reading; what differs from the first is marked. */
export function fieldComparison(sides, foot = null) {
  const columns = sides.map(({ reading }) => valuesOf(reading));
  const labels = new Set(columns.flatMap((values) => [...values.keys()]));
  const head = [h("td"), ...sides.map(({ name }) => name)];
  const rows = [...labels].map((label) => fieldRow(label, columns));
  return table(".compare", say("fields"), head, rows, foot);
}

function valuesOf(reading) {
  const values = new Map(shownFields(reading).map(({ label, value }) => [label, value]));
  return values.set(say("items"), String(reading.receipt.items.length));
}

function fieldRow(label, columns) {
  const values = columns.map((one) => one.get(label) ?? null);
  const differs = values.some((value) => value !== values[0]);
  const cell = (value) => {
    if (value === null) return h("td.absent", say("notFound"));
    return h("td", differs && (columns.length === 2 || value !== values[0]) ? h("mark", value) : value);
  };
  return h(differs ? "tr.differs" : "tr", h("th", { scope: "row" }, label), values.map(cell));
}

function textRow(pair, left, right) {
  const [a, b] = [left.rows[pair.left]?.text, right.rows[pair.right]?.text];
  const [one, two] = pair.same ? [a, b] : compareWords(a ?? "", b ?? "").map(marked);
  return h(pair.same ? "tr" : "tr.differs", { "data-row": pair.left }, [
    h("td", a === undefined ? missing() : one),
    h("td", b === undefined ? missing() : two),
  ]);
}

const missing = () => h("span.absent", say("notFound"));

/** Words as text, runs of differing ones in a <mark>. */
function marked(words) {
  const runs = [];
  for (const { text, same } of words) {
    if (runs.at(-1)?.same === same) runs.at(-1).text += text;
    else runs.push({ text, same });
  }
  return runs.map(({ text, same }) => (same ? text : [h("mark", text.trimEnd()), text.slice(text.trimEnd().length)]));
}
