// Shows two readings of one file side by side, with the differences of fields and rows marked.

import { compareRows, compareWords } from "./diff.js";
import { h } from "./dom.js";
import { fieldList } from "./fields.js";
import { say } from "./words.js";
import { roving } from "./sheet.js";

/** Two readings with their names, each {name, reading}. */
export function comparison(...sides) {
  const [left, right] = sides.map(({ reading }) => reading);
  const names = sides.map(({ name }) => name);
  const pairs = compareRows(
    left.rows.map(({ text }) => text),
    right.rows.map(({ text }) => text),
  );
  const same = pairs.filter((pair) => pair.same).length;
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": say("twoReadings") },
    h("p", {}, same === pairs.length ? say("sameText") : say("sameRows", { same, all: pairs.length })),
    fieldComparison(sides),
    roving(
      table(
        say("text"),
        names,
        pairs.map((pair) => textRow(pair, left, right)),
      ),
    ),
  );
}

/** A column for each reading; what differs from the first is marked. */
export function fieldComparison(sides, foot = null) {
  const columns = sides.map(({ reading }) => valuesOf(reading));
  const labels = new Set(columns.flatMap((values) => [...values.keys()]));
  const head = ["", ...sides.map(({ name }) => name)];
  return table(say("fields"), head, [...labels].map((label) => fieldRow(label, columns)), foot);
}

function valuesOf(reading) {
  const shown = fieldList(reading).filter(({ isShown }) => isShown);
  const values = new Map(shown.map(({ label, value }) => [label, value]));
  return values.set(say("items"), String(reading.receipt.items.length));
}

function fieldRow(label, columns) {
  const values = columns.map((one) => one.get(label) ?? null);
  const differs = values.some((value) => value !== values[0]);
  const cell = (value) => {
    if (value === null) return h("td", { class: "absent" }, say("notFound"));
    return h("td", {}, differs && (columns.length === 2 || value !== values[0]) ? h("mark", {}, value) : value);
  };
  return h("tr", { class: differs ? "differs" : "" }, h("th", { scope: "row" }, label), values.map(cell));
}

function table(caption, head, rows, foot = null) {
  const cell = (label) => (label ? h("th", { scope: "col" }, label) : h("td"));
  return h(
    "table",
    { class: "compare" },
    h("caption", {}, caption),
    h("thead", {}, h("tr", {}, head.map(cell))),
    h("tbody", {}, rows),
    foot && h("tfoot", {}, foot),
  );
}

function textRow(pair, left, right) {
  const [a, b] = [
    pair.left === null ? null : left.rows[pair.left].text,
    pair.right === null ? null : right.rows[pair.right].text,
  ];
  const [one, two] = pair.same ? [a, b] : compareWords(a ?? "", b ?? "").map(marked);
  return h(
    "tr",
    { class: pair.same ? "" : "differs", "data-row": pair.left },
    h("td", {}, a === null ? missing() : one),
    h("td", {}, b === null ? missing() : two),
  );
}

const missing = () => h("span", { class: "absent" }, say("notThere"));

/** Words as text, runs of differing ones in a <mark>. */
function marked(words) {
  const runs = [];
  for (const { text, same } of words) {
    if (runs.at(-1)?.same === same) runs.at(-1).text += text;
    else runs.push({ text, same });
  }
  return runs.map(({ text, same }) =>
    same ? text : [h("mark", {}, text.trimEnd()), text.slice(text.trimEnd().length)],
  );
}
