// Shows two readings of one file side by side, with the differences of fields and rows marked.

import { compareRows, compareWords } from "./diff.js";
import { h } from "./dom.js";
import { readingOf } from "./reading.js";
import { roving } from "./sheet.js";
import { fieldList } from "./views.js";
import { say } from "./words.js";

export function comparison(leftRun, rightRun) {
  const [left, right] = [readingOf(leftRun), readingOf(rightRun)];
  const pairs = compareRows(
    left.rows.map(({ text }) => text),
    right.rows.map(({ text }) => text),
  );
  const same = pairs.filter((pair) => pair.same).length;
  const names = [leftRun, rightRun].map(({ ocrProvider }) => ocrProvider);
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": say("twoReadings") },
    h(
      "p",
      {},
      same === pairs.length
        ? say("sameText")
        : say("sameRows", { same, all: pairs.length }),
    ),
    table(say("fields"), ["", ...names], fieldRows(left, right)),
    roving(
      table(
        say("text"),
        names,
        pairs.map((pair) => textRow(pair, left, right)),
      ),
    ),
  );
}

function table(caption, head, rows) {
  const cell = (label) => (label ? h("th", { scope: "col" }, label) : h("td"));
  return h(
    "table",
    { class: "compare" },
    h("caption", {}, caption),
    h("thead", {}, h("tr", {}, head.map(cell))),
    h("tbody", {}, rows),
  );
}

function fieldRows(left, right) {
  const [a, b] = [left, right].map(
    (reading) => new Map(fieldList(reading).map(({ label, value }) => [label, value])),
  );
  const items = ({ receipt }) => String(receipt.items.length);
  const rows = [...new Set([...a.keys(), ...b.keys()])].map((label) => [
    label,
    a.get(label) ?? null,
    b.get(label) ?? null,
  ]);
  return [...rows, [say("items"), items(left), items(right)]].map(([label, one, two]) =>
    h(
      "tr",
      { class: one === two ? "" : "differs" },
      h("th", { scope: "row" }, label),
      fieldCell(one, one === two),
      fieldCell(two, one === two),
    ),
  );
}

function fieldCell(value, same) {
  if (value === null) return h("td", { class: "absent" }, say("notFound"));
  return h("td", {}, same ? value : h("mark", {}, value));
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
