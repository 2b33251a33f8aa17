// The list of receipts: filters in the URL, sums, months, and what can be done with many at once.

import { getBlob, getJson, localUrl, sendJson } from "./api.js";
import { announce, ask, attempt, button, focus, h, hashWith } from "./dom.js";
import { icon, menu, replace, save, scroller, stateLabel, table } from "./dom.js";
import { nameOf, readTyped } from "./fields.js";
import { pause } from "./follow.js";
import { recall } from "./memory.js";
import { failedWord, LOCALE, moment, money, monthOf, printedDate, say, warningWord } from "./words.js";

const ORDERS = ["addedAt:desc", "date:desc", "date:asc", "total:desc", "total:asc", "merchant:asc"];
const STATES = ["review", "ok", "confirmed", "reading", "failed", "duplicate"];
const FILTERS = ["search", "state", "sort", "from", "to", "min", "max", "currency", "merchant"];
const POLL_MS = 2000;
const RETRY_MS = 5000;
const TYPING_MS = 250;
const ROWS = 50; // a page of the list
const MAX_IDS = 250; // in one request, so that uploads get their turn

/** The filters and the order as the API takes them, without the page and what else an address says. */
export const filtersOf = (params) => new URLSearchParams([...params].filter(([name]) => FILTERS.includes(name)));

export function openReceipts(main, params, signal) {
  // chosen: the receipts that are selected, by id; isAll: whether all that match are, also those of other
  // pages; last: the row that Shift selects from
  const at = { params, signal, chosen: new Map(), isAll: false, rows: new Map(), last: null, answer: null };
  const places = { form: filterForm(at), bar: h("div.bar"), months: months(at), list: h("div") };
  main.replaceChildren(h("h1", { tabindex: "-1" }, say("receipts")), ...Object.values(places));
  at.show = () => showAnswer(at, places);
  at.load = () => {
    at.waking?.abort();
    at.waking = new AbortController();
    return keepLoading(at, places, AbortSignal.any([signal, at.waking.signal]));
  };
  const again = () => document.hidden || at.load(); // another tab may have changed something
  document.addEventListener("visibilitychange", again, { signal });
  const update = (next) => {
    if (next.get("page") !== at.params.get("page")) scrollTo(0, 0);
    if (String(filtersOf(next)) !== String(filtersOf(at.params))) clear(at);
    at.params = next;
    for (const name of FILTERS) {
      const control = places.form.elements[name];
      if (document.activeElement !== control) control.value = next.get(name) ?? control.dataset.usual;
    }
    places.form.querySelector("details").open ||= FILTERS.slice(3).some((name) => next.has(name));
    places.months.open = false;
    at.load();
  };
  update(params);
  return { update };
}

// Filters

function filterForm(at) {
  const go = (changes, keepHistory = false) => {
    const hash = hashWith("receipts", at.params, { page: null, ...changes });
    if (!keepHistory) return void (location.hash = hash);
    history.replaceState(null, "", hash);
    return dispatchEvent(new HashChangeEvent("hashchange"));
  };
  let typing;
  const typed = (name, attributes, read = (text) => text) =>
    h(`input#${name}`, {
      ...{ ...attributes, name, "data-usual": "", autocomplete: "off" },
      [["currency", "merchant"].includes(name) ? "onchange" : "oninput"]: (event) => { // half a name finds none
        clearTimeout(typing);
        typing = setTimeout(() => go({ [name]: read(event.target.value.trim()) }, true), TYPING_MS);
      },
    });
  const select = (name, usual, options) =>
    h(`select#${name}`, { name, "data-usual": usual, onchange: ({ target }) => go({ [name]: target.value }) }, [
      options.map(([value, label]) => h("option", { value }, label)),
    ]);
  const field = (label, control) => h("div.field", h("label", { for: control.id }, label), control);
  const suggest = async () => {
    const others = filtersOf(at.params);
    others.delete("merchant");
    const { data } = await getJson(`receipts/summary?by=merchant&${others}`, at.signal);
    const names = new Set(data.map(({ merchant }) => merchant).filter(Boolean));
    document.getElementById("merchants").replaceChildren(...[...names].map((value) => h("option", { value })));
  };
  const states = STATES.map((name) => [name, say(`state.${name}`)]);
  const orders = ORDERS.map((name) => [name, say(`order.${name}`)]);
  const amount = [{ inputmode: "decimal" }, (text) => String(readTyped("sum", text) || text)];
  const more = {
    ...{ from: [{ type: "date" }], to: [{ type: "date" }], min: amount, max: amount },
    currency: [{ maxlength: "3", placeholder: "EUR" }, (text) => text.toUpperCase()],
    merchant: [{ list: "merchants", onfocus: () => attempt(suggest) }],
  };
  return h("form.filters", { role: "search", onsubmit: (event) => event.preventDefault() }, [
    field(say("search"), typed("search", { type: "search", placeholder: say("searchHint") })),
    field(say("stateLabel"), select("state", "", [["", say("any")], ...states])),
    field(say("orderLabel"), select("sort", ORDERS[0], orders)),
    h("details", [
      h("summary", say("moreFilters")),
      h("div.filters", [
        Object.entries(more).map(([name, about]) => field(say(name), typed(name, ...about))),
        h("datalist#merchants"),
      ]),
    ]),
  ]);
}

// The answer

/** Load the page of the list, and again while something is read or the server is away. */
async function keepLoading(at, places, signal) {
  for (let first = true; !signal.aborted; first = false) {
    let wait = POLL_MS;
    try {
      const answer = await getJson(`receipts?${at.params}&limit=${ROWS}`, signal);
      const isNews = JSON.stringify(answer) !== JSON.stringify(at.answer);
      const isOther = answer.pagination.total !== at.answer?.pagination.total;
      at.answer = answer;
      if (isNews || first) at.show();
      if (isOther) announce(say("receiptsFound", { n: answer.pagination.total }));
      if (answer.unfilled) wait = RETRY_MS;
      else if (!answer.data.some(({ state }) => state === "reading")) return;
    } catch (error) {
      if (error.name === "AbortError") return;
      const isAway = error.status === 0 || error.status >= 500;
      const words = isAway ? say("tryingAgain", { what: error.message }) : error.message;
      places.bar.replaceChildren(h("p.notice.error", words));
      if (!isAway) return void replace(places.list, null);
      at.answer = null;
      wait = RETRY_MS;
    }
    await pause(wait, signal);
  }
}

function showAnswer(at, places) {
  const { data, pagination, unfilled } = at.answer;
  for (const row of data) if (at.chosen.has(row.id)) at.chosen.set(row.id, row);
  const rows = h("ul.receipts.card", [data.map((row) => receiptRow(at, row))]);
  rows.addEventListener("keydown", (event) => moveFocus(event, at));
  at.showBar = () => replace(places.bar, at.chosen.size ? chosenBar(at) : sumBar(at));
  at.showBar();
  places.months.hidden = !data.length;
  const old = unfilled > 0 && h("p.notice", icon("running"), " ", say("unfilled", { n: unfilled }));
  replace(places.list, old, data.length ? rows : emptiness(at.params), pageLinks(at.params, pagination));
}

function emptiness(params) {
  return filtersOf(params).size
    ? h("p.notice", say("noneMatches"), " ", h("a", { href: "#/receipts" }, say("showAll")))
    : h("div.notice.empty", h("p", say("nothingYet")), [
        h("a.button.primary", { href: "#/" }, say("readOne")),
        sampleLink(),
      ]);
}

const sampleLink = () => h("a.button", { href: "#/?sample" }, icon("file"), say("trySample"));

function pageLinks(params, { page, pages: last, total, limit }) {
  if (last < 2 && page < 2) return null;
  const to = (number, name, enabled) =>
    enabled
      ? h(`a#${name}.button`, { href: hashWith("receipts", params, { page: String(number) }) }, say(name))
      : h("span.button.off", { "aria-disabled": "true" }, say(name));
  const words = { first: (page - 1) * limit + 1, last: Math.min(page * limit, total), total };
  return h("nav.pages", { "aria-label": say("pages") }, [
    to(page - 1, "previous", page > 1),
    h("span", say("range", words)),
    to(page + 1, "next", page < last),
  ]);
}

// A row

/** The item of the list; the one there is already if it would say the same. */
function receiptRow(at, row) {
  const text = JSON.stringify(row);
  const known = at.rows.get(row.id);
  const item = known?.text === text ? known.item : madeRow(at, row);
  at.rows.set(row.id, { text, item });
  mark(item, at.isAll || at.chosen.has(row.id));
  return item;
}

function mark(item, isChosen) {
  item.classList.toggle("chosen", isChosen);
  item.querySelector("input").checked = isChosen;
}

function madeRow(at, row) {
  const title = row.merchant ?? row.fileName;
  const facts = [
    row.date ? printedDate(row.date, "medium") : say("added", { when: moment(row.addedAt) }),
    row.jobName,
    row.itemCount ? say("itemCount", { n: row.itemCount }) : null,
  ];
  const box = h(`input#choose-${row.id}`, {
    ...{ type: "checkbox", "aria-label": say("chooseRow", { name: title }) },
    onclick: (event) => choose(at, row, event.target.checked, event.shiftKey),
  });
  const sum = row.total === null ? "" : money(row.total, row.currency);
  return h("li", [
    h("label.choose", box),
    h(`a#receipt-${row.id}`, { href: hashWith(`receipts/${row.id}`, filtersOf(at.params)) }, [
      thumbnail(row, at.signal),
      h("span.title", title),
      h("span.facts", facts.filter(Boolean).map((fact, nth) => [nth > 0 && " · ", h("bdi", fact)])),
      h("span.sum", sum),
      h("span.marks", marks(row)),
    ]),
  ]);
}

/** What a person should know of a receipt before it is opened, in words. */
function marks({ state, review, warnings, duplicateOf, error }) {
  const why = ["cut_short", "no_text", "not_a_receipt"].find((name) => warnings.includes(name));
  const what = new Intl.ListFormat(LOCALE, { type: "unit" }).format(review.map(nameOf));
  const words = { failed: failedWord(error), review: why ? warningWord(why) : say("checkWhat", { what }) };
  return [state !== "ok" && stateLabel(state, words[state]), duplicateOf && stateLabel("duplicate")];
}

/** The picture of a receipt, loaded when it comes into sight; with a key it has to be asked for. */
function thumbnail({ jobId, fileId }, signal) {
  const place = h("span.thumb", icon("file"));
  const path = `ocr-jobs/${jobId}/files/${fileId}/preview?width=160`;
  const picture = h("img", { alt: "", onload: () => place.replaceChildren(picture) });
  const show = async () => {
    picture.src = recall("key") ? await localUrl(path, signal) : path;
  };
  const seen = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting) return;
    seen.disconnect();
    show().catch(() => {}); // the row says what matters
  });
  seen.observe(place);
  return place;
}

// Many at once

/** Select a row or not; with Shift also those between it and the one before. */
function choose(at, row, isChosen, isRange) {
  const { data } = at.answer;
  if (at.isAll) chooseAll(at);
  const [from, to] = [at.last, row.id].map((id) => data.findIndex((one) => one.id === id));
  const range = isRange && from >= 0 ? data.slice(Math.min(from, to), Math.max(from, to) + 1) : [row];
  for (const one of range) {
    if (isChosen) at.chosen.set(one.id, one);
    else at.chosen.delete(one.id);
    mark(at.rows.get(one.id).item, isChosen);
  }
  at.last = row.id;
  at.showBar();
}

/** Arrow keys go from row to row; with Shift they select on the way. */
function moveFocus(event, at) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const rows = at.answer.data;
  const number = rows.findIndex(({ id }) => event.target.id.endsWith(`-${id}`));
  const next = rows[number + step];
  if (!step || number < 0 || !next) return;
  event.preventDefault();
  const kind = event.shiftKey ? "choose" : event.target.id.split("-")[0];
  focus(`${kind}-${next.id}`);
  if (!event.shiftKey) return;
  choose(at, rows[number], true, false);
  choose(at, next, true, true);
}

const summed = (sums) => sums.filter(({ total }) => total).map(sumWord);
const sumWord = ({ currency, total }) => money(total, currency) + (currency ? "" : ` ${say("noCurrency")}`);
const joined = (words) => words.filter(Boolean).join(" · ");

/** The sums of what is selected. */
function added({ chosen, isAll, answer }) {
  if (isAll) return answer.sums;
  const byCurrency = Map.groupBy(chosen.values(), ({ currency }) => currency);
  return [...byCurrency].map(([currency, rows]) => ({
    currency,
    total: rows.reduce((sum, { total }) => sum + total, 0),
  }));
}

function sumBar(at) {
  const { data, pagination, sums, duplicates } = at.answer;
  const all = say("receiptsFound", { n: pagination.total });
  return [
    h("p#sums", joined([all, ...summed(sums), duplicates && say("duplicates", { n: duplicates })])),
    data.length > 0 && button("completed", say("chooseAll"), () => chooseAll(at), "#choose-all"),
    data.length > 0 && exports(filtersOf(at.params)),
  ];
}

/** Select the rows of this page, or all that the filters find, on whichever page. */
function chooseAll(at, isAll = false) {
  at.chosen.clear();
  for (const row of at.answer.data) at.chosen.set(row.id, row);
  at.isAll = isAll;
  at.show();
}

function clear(at) {
  at.chosen.clear();
  at.isAll = false;
  if (at.answer) at.show();
}

/** All that is selected, each at least {id, jobId, state}. */
async function chosenRows(at) {
  if (!at.isAll) return [...at.chosen.values()];
  const all = await getJson(`receipts/export.json?${filtersOf(at.params)}`, at.signal);
  return all.map((row) => ({ ...row, jobId: row.job }));
}

/** The ids in parts for one request each; the receipts of a job stay together, as a file's have to. */
function partsOf(rows) {
  const parts = [[]];
  for (const one of Map.groupBy(rows, ({ jobId }) => jobId).values()) {
    if (parts.at(-1).length + one.length > MAX_IDS) parts.push([]);
    parts.at(-1).push(...one.map(({ id }) => id));
  }
  return parts;
}

function chosenBar(at) {
  const { total: n } = at.answer.pagination;
  const count = at.isAll ? n : at.chosen.size;
  const sums = h("p#sums", { role: "status" }, joined([say("chosen", { n: count }), ...summed(added(at))]));
  const done = async (path, words, rows) => {
    let sent = 0;
    for (const ids of partsOf(rows)) {
      await sendJson("POST", `receipts/${path}`, { ids });
      sums.textContent = say(words, { n: (sent += ids.length) });
    }
    clear(at);
    announce(say(words, { n: sent }));
    await at.load();
  };
  const isRead = ({ state }) => state !== "reading" && state !== "failed";
  const confirm = async () => {
    const rows = await chosenRows(at);
    await done("confirm", "confirmedChosen", rows.some(isRead) ? rows.filter(isRead) : rows);
  };
  const remove = async () => {
    const rows = await chosenRows(at);
    const title = say("deleteChosen", { n: rows.length });
    if (await ask(title, say("deleteText"), say("delete"))) await done("delete", "deletedChosen", rows);
  };
  return [
    sums,
    button("close", say("chooseNone"), () => clear(at), "#choose-none.quiet"),
    count < n && button("plus", say("chooseMatching", { n }), () => chooseAll(at, true), "#choose-matching.quiet"),
    button("completed", say("confirm"), confirm, "#confirm.primary"),
    exports(at.isAll ? filtersOf(at.params) : new URLSearchParams({ ids: [...at.chosen.keys()] })),
    button("trash", say("delete"), remove, "#delete.danger-quiet"),
  ];
}

function exports(filters) {
  const item = (label, path, to) => [label, async () => save(await getBlob(`receipts/export.${path}${filters}`), to)];
  return menu("export", say("export"), [
    item(say("csvReceipts"), "csv?", "receipts.csv"),
    item(say("csvItems"), "csv?items=1&", "items.csv"),
    item("JSON", "json?", "receipts.json"),
  ]);
}

// By month

function months(at) {
  const place = scroller(say("byMonth"));
  const load = async () => {
    const { data } = await getJson(`receipts/summary?by=month&${at.params}`, at.signal);
    replace(place, monthTable(data, at.params));
  };
  const toggle = (event) => event.target.open && attempt(load);
  return h("details.months", { ontoggle: toggle, hidden: true }, h("summary", say("byMonth")), place);
}

function monthTable(data, params) {
  const cell = (name) => h("th.number", { scope: "col" }, say(name));
  const row = ({ month, currency, count, total, tax }) => {
    const name = month === null ? say("notFound") : monthOf(month);
    const days = month && { from: `${month}-01`, to: lastDay(month), currency, page: null };
    const link = days ? h("a", { href: hashWith("receipts", params, days) }, name) : name;
    const sums = [total, tax].map((sum) => sum !== 0 && money(sum, currency));
    const numbers = [count.toLocaleString(LOCALE), ...sums];
    return h("tr", h("th", { scope: "row" }, link), numbers.map((text) => h("td.number", text)));
  };
  return table("", null, [say("month"), ...["receipts", "total", "tax"].map(cell)], data.map(row));
}

const lastDay = (month) => `${month}-${new Date(Date.UTC(...month.split("-"), 0)).getUTCDate()}`;

/** The newest receipts; where there are none, a sample to try. */
export async function recentReceipts(place, signal) {
  const at = { params: new URLSearchParams(), signal, chosen: new Map(), rows: new Map() };
  const { data } = await getJson("receipts?limit=5", signal);
  if (!data.length) return replace(place, sampleLink());
  const rows = data.map((row) => madeRow(at, row));
  for (const box of rows.map((row) => row.querySelector(".choose"))) box.remove();
  const all = h("p", h("a", { href: "#/receipts" }, say("allReceipts")));
  return replace(place, h("h2", say("recent")), h("ul.receipts.card", rows), all);
}
