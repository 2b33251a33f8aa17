// Shows one upload: its name and state, its files, and what can be done with all of it.

import { getJson, request } from "./api.js";
import { announce, ask, attempt, button, h, icon, replace, save, setTitle } from "./dom.js";
import { currentFile, fileList, filePane } from "./file.js";
import { follow } from "./follow.js";
import { forgetJob, stateLabel } from "./jobs.js";
import { allProviders } from "./providers.js";
import { jobJson, jobMarkdown, titleOf } from "./reading.js";
import { moment, say } from "./words.js";

export async function openJob(main, params, signal, id) {
  const at = { id, params, job: null, providers: [], sheets: new Map(), signal, wake: () => {} };
  const [head, strip, pane] = [
    h("div"),
    h("nav", { class: "strip", "aria-label": say("filesOfJob") }),
    h("div"),
  ];
  main.replaceChildren(h("p", { class: "notice" }, say("loading")));
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
  const title = error.status === 404 ? say("noSuchReceipt") : say("cannotShow");
  main.replaceChildren(
    h("h1", { tabindex: "-1" }, title),
    h("p", { class: "notice error" }, error.message),
    h("p", {}, h("a", { href: "#/jobs" }, say("allReceipts"))),
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
        [
          say("job", { id: String(job.id) }),
          say("files", { n: job.files.length }),
          say("added", { when: moment(job.createdAt) }),
        ].join(" · "),
      ),
      h(
        "div",
        { class: "actions" },
        downloads(job),
        button("trash", say("delete"), () => deleteJob(at), { class: "danger-quiet", id: "delete-job" }),
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
    h("summary", { class: "button", id: "downloads" }, icon("download"), say("download")),
    h(
      "ul",
      {},
      item("JSON", ".json", () => new Blob([jobJson(job)], { type: "application/json" })),
      item(say("csvReceipts"), ".csv", () => csv("")),
      item(say("csvItems"), "-items.csv", () => csv("&items=1")),
      item(say("markdown"), ".md", () => new Blob([jobMarkdown(job)], { type: "text/markdown" })),
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
  const pictures = say("pictures", { n: at.job.files.length });
  const title = say("deleteWhat", { name: titleOf(at.job) });
  if (!(await ask(title, say("deleteJobText", { pictures }), say("delete")))) return;
  await attempt(async () => {
    await request(`ocr-jobs/${at.id}`, { method: "DELETE" });
    forgetJob(at.id);
    announce(say("deleted"));
    location.hash = "#/jobs";
  });
}
