// Shows one upload: its name and state, its files, and what can be done with all of it.

import { getJson, request } from "./api.js";
import { announce, ask, attempt, button, h, icon, replace, save, setTitle } from "./dom.js";
import { currentFile, fileList, filePane } from "./file.js";
import { follow } from "./follow.js";
import { forgetJob, stateLabel } from "./jobs.js";
import { allProviders } from "./providers.js";
import { jobJson, jobMarkdown, titleOf } from "./reading.js";
import { count, moment } from "./words.js";

export async function openJob(main, params, signal, id) {
  const at = { id, params, job: null, providers: [], sheets: new Map(), signal, wake: () => {} };
  const [head, strip, pane] = [
    h("div"),
    h("nav", { class: "strip", "aria-label": "Files of this job" }),
    h("div"),
  ];
  main.replaceChildren(h("p", { class: "notice" }, "Loading…"));
  try {
    [at.job, at.providers] = await Promise.all([getJson(`ocr-jobs/${id}`, signal), allProviders()]);
  } catch (error) {
    if (error.name !== "AbortError") showFailure(main, error);
    return null;
  }
  main.replaceChildren(head, strip, pane);
  const shown = new Map();
  at.show = () => {
    setTitle(titleOf(at.job));
    const params = String(at.params);
    const showPart = (place, make, ...depends) => {
      const now = JSON.stringify(depends);
      if (shown.get(place) !== now) replace(place, make(at));
      shown.set(place, now);
    };
    showPart(head, heading, at.job);
    showPart(
      strip,
      fileList,
      params,
      at.job.files.map(({ executions }) => executions.at(-1)?.status),
    );
    showPart(pane, filePane, params, currentFile(at), at.job.files.length);
  };
  at.show();
  follow(at);
  return {
    update(next) {
      at.params = next;
      at.show();
    },
  };
}

function showFailure(main, error) {
  const title = error.status === 404 ? "There is no such receipt" : "This receipt cannot be shown";
  main.replaceChildren(
    h("h1", { tabindex: "-1" }, title),
    h("p", { class: "notice error" }, error.message),
    h("p", {}, h("a", { href: "#/jobs" }, "All receipts")),
  );
}

function heading(at) {
  const { job } = at;
  return [
    h(
      "div",
      { class: "heading" },
      h("h1", { tabindex: "-1", id: "title" }, titleOf(job)),
      stateLabel(job.status, job.failedFiles),
    ),
    h(
      "div",
      { class: "subheading" },
      h(
        "p",
        { class: "small" },
        `Job ${job.id} · ${count(job.files.length, "file", "files")} · added ${moment(job.createdAt)}`,
      ),
      h(
        "div",
        { class: "actions" },
        downloads(job),
        button("trash", "Delete", () => deleteJob(at), { class: "danger-quiet", id: "delete-job" }),
      ),
    ),
  ];
}

function downloads(job) {
  const name = `receipt-${job.id}`;
  const csv = async (query) => (await request(`ocr-jobs/export.csv?job=${job.id}${query}`)).blob();
  const item = (label, ending, blob) =>
    h(
      "li",
      {},
      button(null, label, () => attempt(async () => save(await blob(), name + ending)), {
        class: "quiet",
      }),
    );
  const menu = h(
    "details",
    { class: "menu", onkeydown: closeOnEscape },
    h("summary", { class: "button", id: "downloads" }, icon("download"), "Download"),
    h(
      "ul",
      {},
      item("JSON", ".json", () => new Blob([jobJson(job)], { type: "application/json" })),
      item("CSV, a row a receipt", ".csv", () => csv("")),
      item("CSV, a row an item", "-items.csv", () => csv("&items=1")),
      item("Markdown", ".md", () => new Blob([jobMarkdown(job)], { type: "text/markdown" })),
    ),
  );
  menu.addEventListener("click", (event) => {
    if (event.target.closest("li")) menu.open = false;
  });
  menu.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
  });
  return menu;
}

function closeOnEscape(event) {
  if (event.key !== "Escape") return;
  event.currentTarget.open = false;
  event.currentTarget.querySelector("summary").focus();
}

async function deleteJob(at) {
  const words = `${count(at.job.files.length, "picture", "pictures")} and all that was read will be gone for good.`;
  if (!(await ask(`Delete “${titleOf(at.job)}”?`, words, "Delete"))) return;
  await attempt(async () => {
    await request(`ocr-jobs/${at.id}`, { method: "DELETE" });
    forgetJob(at.id);
    announce("Deleted");
    location.hash = "#/jobs";
  });
}
