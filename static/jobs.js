// The list of jobs with search, state, order and pages, all in the URL.

import { getJson, request } from "./api.js";
import { announce, button, complain, h, icon, replace, save } from "./dom.js";
import { latestReading, titleOf } from "./reading.js";
import { LOCALE, moment, money, printedDate, say, stateWord } from "./words.js";

const ORDERS = [
  ["createdAt:desc", "Newest first"],
  ["createdAt:asc", "Oldest first"],
  ["updatedAt:desc", "Last changed"],
  ["name:asc", "Name, A to Z"],
  ["name:desc", "Name, Z to A"],
  ["status:asc", "By state"],
];
const POLL_MS = 3000;
const TYPING_MS = 250;

const known = new Map(); // jobs by id, as they were last seen in full

/** A job has been changed or deleted by hand. */
export function forgetJob(id) {
  known.delete(id);
}

const isOver = (job) => job?.status === "completed" || job?.status === "failed";

/** A file's or job's state as a small label. */
export function stateLabel(status, failedFiles = 0) {
  const some = status === "completed" && failedFiles > 0;
  const name = some ? "failed" : status;
  return h(
    "span",
    { class: `state ${name}` },
    icon(name),
    some ? say("someFailed", { n: failedFiles }) : stateWord(status),
  );
}

/** The list's items for a query of the API; each tells more as soon as its job is known. */
export async function jobRows(query, signal) {
  const { data } = await getJson(`ocr-jobs?${query}`, signal);
  return rowsFor(data, signal);
}

function rowsFor(jobs, signal) {
  const links = jobs.map((job) =>
    h(
      "a",
      { href: `#/jobs/${job.id}`, id: `job-${job.id}` },
      summary({ ...known.get(job.id), ...job }),
    ),
  );
  fillIn(jobs, links, signal);
  return links.map((link) => h("li", {}, link));
}

/** Merchants and sums are in the details only: a few at a time, each job once. */
async function fillIn(jobs, links, signal) {
  const rest = [...jobs.keys()].filter((number) => !isOver(known.get(jobs[number].id)));
  const next = async () => {
    for (
      let number = rest.shift();
      number !== undefined && !signal.aborted;
      number = rest.shift()
    ) {
      const job = await getJson(`ocr-jobs/${jobs[number].id}`, signal);
      known.set(job.id, job);
      replace(links[number], summary(job));
    }
  };
  await Promise.all([next(), next(), next()]).catch(() => {}); // the rows stay as the list gave them
}

function summary(job) {
  const readings = (job.files ?? []).map(latestReading).filter(Boolean);
  const one = readings.length === 1 ? readings[0].receipt : null;
  const title = titleOf(job);
  const facts = [
    one?.date && printedDate(one.date),
    filesOf(job, title),
    say("added", { when: moment(job.createdAt) }),
  ];
  return [
    h("span", { class: "title" }, title),
    h("span", { class: "facts" }, facts.filter(Boolean).join(" · ")),
    h("span", { class: "sum" }, one && one.total !== null ? money(one.total, one.currency) : ""),
    stateLabel(job.status, job.failedFiles),
  ];
}

function filesOf({ files }, title) {
  if (!files) return null;
  if (files.length !== 1) return say("files", { n: files.length });
  return files[0].originalName === title ? null : files[0].originalName;
}

export function openJobs(main, params, signal) {
  const search = h("input", {
    type: "search",
    id: "search",
    placeholder: "Name or file",
    autocomplete: "off",
  });
  const status = h(
    "select",
    { id: "status" },
    h("option", { value: "" }, "Any"),
    ["pending", "running", "completed", "failed"].map((value) =>
      h("option", { value }, stateWord(value)),
    ),
  );
  const order = h(
    "select",
    { id: "order" },
    ORDERS.map(([value, label]) => h("option", { value }, label)),
  );
  const place = h("div", { class: "results" });
  main.replaceChildren(
    h(
      "div",
      { class: "heading" },
      h("h1", { tabindex: "-1" }, say("receipts")),
      button("download", "Export CSV", () => exportCsv(filtersOf(params))),
    ),
    h(
      "form",
      { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
      field("search", "Search", search),
      field("status", "State", status),
      field("order", "Order", order),
    ),
    place,
  );

  let current = new AbortController();
  const load = () => {
    current.abort();
    current = new AbortController();
    showPage(place, params, AbortSignal.any([signal, current.signal]));
  };
  const update = (next) => {
    params = next;
    if (document.activeElement !== search) search.value = params.get("search") ?? "";
    status.value = params.get("status") ?? "";
    order.value = params.get("sort") ?? ORDERS[0][0];
    load();
  };
  const go = (changes, keepHistory = false) => {
    const hash = hashWith(params, { page: null, ...changes });
    if (!keepHistory) {
      location.hash = hash;
      return;
    }
    history.replaceState(null, "", hash);
    update(new URLSearchParams(hash.split("?")[1]));
  };
  let typing;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => go({ search: search.value }, true), TYPING_MS);
  });
  status.addEventListener("change", () => go({ status: status.value }));
  order.addEventListener("change", () => go({ sort: order.value }));
  update(params);
  return { update };
}

function field(id, label, control) {
  return h("div", { class: "field" }, h("label", { for: id }, label), control);
}

/** The URL of the list with some parameters changed; empty ones are left out. */
function hashWith(params, changes) {
  const next = new URLSearchParams(params);
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  return `#/jobs${next.size ? `?${next}` : ""}`;
}

function filtersOf(params) {
  const filters = new URLSearchParams(params);
  filters.delete("page");
  return filters;
}

/** Show a page of the list, and again every few seconds while one of its jobs is being read. */
async function showPage(place, params, signal) {
  for (let shown = ""; !signal.aborted;) {
    try {
      const answer = await getJson(`ocr-jobs?${params}`, signal);
      if (JSON.stringify(answer) !== shown) showAnswer(place, params, answer, signal);
      if (!shown) announce(`${answer.pagination.total.toLocaleString(LOCALE)} ${say("receipts")}`);
      if (answer.data.every(isOver)) return;
      shown = JSON.stringify(answer);
    } catch (error) {
      if (error.name === "AbortError") return;
      replace(
        place,
        h("p", { class: "notice error" }, error.message),
        button("again", "Try again", () => showPage(place, params, signal)),
      );
      return;
    }
    await pause(POLL_MS, signal);
  }
}

function showAnswer(place, params, { data, pagination }, signal) {
  const list = data.length
    ? h("ul", { class: "jobs card" }, rowsFor(data, signal))
    : emptiness(params);
  replace(place, list, pages(params, pagination));
}

export function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

function emptiness(params) {
  return params.size
    ? h("p", { class: "notice" }, "No receipt matches. ", h("a", { href: "#/jobs" }, "Show all"))
    : h(
        "p",
        { class: "notice" },
        "Nothing has been read yet. ",
        h("a", { href: "#/" }, "Read a receipt"),
      );
}

function pages(params, { page, pages: last, total, limit }) {
  if (last < 2) return null;
  const to = (number, label, enabled) =>
    enabled
      ? h("a", { class: "button", href: hashWith(params, { page: String(number) }) }, label)
      : h("span", { class: "button off", "aria-disabled": "true" }, label);
  const from = (page - 1) * limit + 1;
  return h(
    "nav",
    { class: "pages", "aria-label": "Pages" },
    to(page - 1, "Previous", page > 1),
    h("span", {}, `${from} to ${Math.min(page * limit, total)} of ${total}`),
    to(page + 1, "Next", page < last),
  );
}

async function exportCsv(filters) {
  try {
    const answer = await request(`ocr-jobs/export.csv?${filters}`);
    save(await answer.blob(), "receipts.csv");
  } catch (error) {
    complain(error.message);
  }
}
