// Shows what was read from one file beside its picture: what counts, and what each engine read.

import { request } from "./api.js";
import { comparison, fieldComparison } from "./compare.js";
import { change, correctable } from "./correct.js";
import { announce, button, copy, focus, h, hashWith, icon, scroller, stateLabel } from "./dom.js";
import { providerChoice, usualProvider } from "./providers.js";
import { readBy, readingOf } from "./reading.js";
import { linkRows } from "./sheet.js";
import { VIEWS } from "./views.js";
import { errorWord, percentSure, say } from "./words.js";

const READINGS = { name: "readings", label: say("allReadings"), text: () => "" };

/** The address of this receipt with some of what is shown changed. */
const hashOf = (at, changes) => hashWith(`receipts/${at.receipt.id}`, at.params, changes);

const isRead = (run) => run.status === "completed";
const isUnderWay = ({ status }) => status === "pending" || status === "running";

export function filePane(at) {
  const { run, other } = chosenRuns(at);
  const reading = readingOfRun(at, run);
  const result = h("div.result.card", [
    other ? comparison(sideOf(at, run), sideOf(at, other)) : resultOf(at, run, reading),
    runBar(at, run, other),
    again(at),
  ]);
  const place = h("div.file", at.sheet.element, result);
  at.sheet.show(reading, reading ? placesOf(reading) : [], at.receipt.box && at.receipt);
  if (reading) linkRows(place, at.sheet, (from, rows) => captionOf(reading, from, rows));
  return place;
}

/** The execution that is shown, and the one beside it or null, as the URL says. */
function chosenRuns(at) {
  const { executions } = at.file;
  const byId = (id) => executions.find((one) => String(one.id) === String(id));
  const run = byId(at.params.get("read")) ?? byId(at.receipt.executionId) ?? executions.at(-1);
  const other = byId(at.params.get("with"));
  return { run, other: other && other !== run && isRead(other) && isRead(run) ? other : null };
}

/** What an execution read of this receipt; of the one that counts with what was corrected. */
function readingOfRun(at, run) {
  if (run?.id !== at.receipt.executionId) return asRead(at, run);
  const reading = readingOf(run, at.receipt.receipt);
  const others = at.receipt.pages.slice(reading?.pages.length).map((page) => ({ ...page, lines: [] }));
  return reading && { ...reading, pages: [...reading.pages, ...others] };
}

/** What an execution read of this receipt, without corrections. */
const asRead = (at, run) => readingOf(run, readBy(at.receipt, run?.id));

/** Where the fields were read, for boxes of their own: [{row, page, box}]. */
function placesOf({ receipt }) {
  const fields = Object.entries(receipt.evidence ?? {});
  const items = receipt.items.map(({ evidence }, nth) => [`item${nth}`, evidence]);
  return [...fields, ...items]
    .filter(([, evidence]) => evidence?.box)
    .map(([row, { page, box }]) => ({ row, page, box }));
}

function captionOf(reading, from, rows) {
  const row = reading.rows[rows.find((one) => one in reading.rows)];
  const origin = from.querySelector(".origin")?.textContent;
  if (!row) return origin ?? "";
  const sure = row.lines.map(({ confidence }) => confidence).filter((one) => one !== null);
  if (!sure.length) return row.text;
  return `${row.text} (${percentSure(Math.min(...sure))})`;
}

function runBar(at, run, other) {
  const labels = labelsOf(at.file);
  const link = (one) =>
    h(`a#run-${one.id}`, { href: hashOf(at, { read: one.id, with: null }), "aria-current": one === run && "true" }, [
      h("span", labels.get(one)),
      stateLabel(one.status.replace("running", "reading")),
      one.id === at.receipt.executionId && at.file.executions.length > 1 && h("b", say("counts")),
    ]);
  const others = at.file.executions.filter((one) => one !== run && isRead(one));
  const compare = ({ target }) => {
    location.hash = hashOf(at, { read: run.id, with: target.value });
  };
  const select = h("select#compare", { onchange: compare }, [
    h("option", { value: "" }, say("nothing")),
    others.map((one) => h("option", { value: one.id }, labels.get(one))),
  ]);
  select.value = other?.id ?? "";
  return h("div.runs", [
    h("ul", { "aria-label": say("allReadings") }, at.file.executions.map((one) => h("li", link(one)))),
    isRead(run) && others.length > 0 && h("div.field", h("label", { for: "compare" }, say("compareWith")), select),
  ]);
}

/** The provider's name, with its turn where the same one read the file twice. */
function labelsOf({ executions }) {
  const turns = Map.groupBy(executions, ({ ocrProvider }) => ocrProvider);
  const turn = (run) => turns.get(run.ocrProvider).indexOf(run) + 1;
  const isOnly = (run) => turns.get(run.ocrProvider).length === 1;
  return new Map(executions.map((run) => [run, run.ocrProvider + (isOnly(run) ? "" : ` (${turn(run)})`)]));
}

const sideOf = (at, run) => ({ name: labelsOf(at.file).get(run), reading: readingOfRun(at, run) });

function resultOf(at, run, reading) {
  if (run.status === "failed") return failure(at, run);
  if (!reading) return progress(at, run);
  const counts = run.id === at.receipt.executionId;
  const views = at.file.executions.filter(isRead).length > 1 ? [...VIEWS, READINGS] : VIEWS;
  const current = views.find(({ name }) => name === at.params.get("view")) ?? VIEWS[0];
  const show = (view) => {
    history.replaceState(null, "", hashOf(at, { view: view.name }));
    at.params = new URLSearchParams(location.hash.split("?")[1]);
    at.show();
    focus(`tab-${view.name}`);
  };
  return h("div", [
    !counts && notCounting(at, run),
    h("div.tabbar", [tabs(views, current, show), current !== READINGS && copyButton(() => current.text(reading))]),
    h("div#panel.panel", { role: "tabpanel", "aria-labelledby": `tab-${current.name}` }, [
      scroller(current.label, content(at, reading, current, counts)),
      h("p.small", reading.model),
    ]),
  ]);
}

function content(at, reading, view, counts) {
  if (view === READINGS) return allReadings(at);
  return view !== VIEWS[0] || !counts ? view.render(reading) : correctable(at, reading);
}

function copyButton(text) {
  const label = h("span", say("copy"));
  const press = async () => {
    await copy(text());
    label.textContent = say("copied");
    label.className = "done";
  };
  return button("copy", label, press, "#copy.quiet");
}

/** What counts beside what each engine read, and a button to let another one count. */
function allReadings(at) {
  const runs = at.file.executions.filter(isRead);
  const now = at.file.executions.find(({ id }) => id === at.receipt.executionId);
  const sides = [{ name: say("whatCounts"), reading: readingOfRun(at, now) }];
  const cells = runs.map((run) => h("td", run === now ? say("counts") : useButton(at, run)));
  const read = runs.map((run) => ({ ...sideOf(at, run), reading: asRead(at, run) }));
  return fieldComparison([...sides, ...read], h("tr", h("th", { scope: "row" }, say("choose")), h("td"), cells));
}

function useButton(at, run) {
  const use = async () => {
    if (await change(at, { executionId: run.id })) announce(say("countsNow", { provider: run.ocrProvider }));
    location.hash = hashOf(at, { read: null, with: null });
    at.show();
  };
  return button(null, say("useThis"), use, `#use-${run.id}`);
}

function notCounting(at, run) {
  const back = h("a", { href: hashOf(at, { read: null, with: null }) }, say("showWhatCounts"));
  return h("div.notice.beside", [h("p", say("doesNotCount"), " ", back), useButton(at, run)]);
}

function tabs(views, current, show) {
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(views[(views.indexOf(current) + step + views.length) % views.length]);
  };
  const tab = (view) =>
    button(null, view.label, () => show(view), `#tab-${view.name}`, {
      ...{ role: "tab", "aria-controls": "panel", "aria-selected": String(view === current) },
      tabindex: view === current ? "0" : "-1",
    });
  return h("div", { role: "tablist", "aria-label": say("whatWasRead"), onkeydown: move }, views.map(tab));
}

function progress(at, run) {
  const words = say(run.status === "running" ? "isReading" : "itsTurn", { provider: run.ocrProvider });
  return h("div.waiting", icon("running"), h("p", words), cancelButton(at, run));
}

function cancelButton(at, run) {
  const stop = async () => {
    await request(`${pathOf(at)}/executions/${run.id}`, { method: "DELETE" });
    announce(say("cancelled"));
    at.wake();
  };
  return isUnderWay(run) && button("close", say("cancel"), stop, "#cancel");
}

function failure(at, run) {
  const { receipt, executionId } = at.receipt;
  const blank = { receipt, rows: [], pages: [] };
  return h("div", [
    h("div.notice.error", [
      h("p", h("b", say("couldNotRead", { provider: run.ocrProvider })), " ", errorWord(run.error)),
      h("p.small", run.error.message),
      button("again", say("tryAgain"), () => readAgain(at, run.ocrProvider), "#retry"),
    ]),
    receipt && executionId === null && [h("h2", say("byHand")), correctable(at, blank)],
  ]);
}

const pathOf = ({ job, file }) => `ocr-jobs/${job.id}/files/${file.id}`;

function again(at) {
  const able = at.providers.filter(({ available }) => available);
  const names = at.file.executions.map(({ ocrProvider }) => ocrProvider);
  const choice = providerChoice(at.providers, {
    id: "again-provider",
    label: say("readAgainWith"),
    chosen: able.find(({ name }) => !names.includes(name))?.name ?? usualProvider(at.providers),
  });
  const start = () => readAgain(at, choice.querySelector("select").value);
  return h("div.again", choice, button("again", say("readAgain"), start, "#again", { disabled: !able.length }));
}

async function readAgain(at, provider) {
  const body = new FormData();
  body.append("ocrProvider", provider);
  const answer = await request(`${pathOf(at)}/executions`, { method: "POST", body });
  const { id } = await answer.json();
  announce(say("isReadAgain", { file: at.file.originalName, provider }));
  await at.load();
  location.hash = hashOf(at, { read: id, with: null });
  at.wake();
}
