// Shows one file: its picture beside a reading, or two readings side by side.

import { getJson, request } from "./api.js";
import { comparison } from "./compare.js";
import { announce, ask, attempt, button, copy, h, icon } from "./dom.js";
import { forgetJob, stateLabel } from "./jobs.js";
import { providerChoice, usualProvider } from "./providers.js";
import { readingOf } from "./reading.js";
import { linkRows, openPicture, sheet } from "./sheet.js";
import { VIEWS } from "./views.js";
import { say } from "./words.js";

export function fileList(at) {
  const { files } = at.job;
  return files.length > 1
    ? h(
        "ul",
        { id: "file-list" },
        files.map((file) => tabOfFile(at, file)),
      )
    : null;
}

function tabOfFile(at, file) {
  const current = file === currentFile(at);
  const last = file.executions.at(-1);
  return h(
    "li",
    {},
    h(
      "a",
      {
        href: hashOf(at, { file: file.id, read: null, with: null }),
        id: `file-${file.id}`,
        "aria-current": current && "true",
      },
      h("span", { class: "title" }, file.originalName),
      last && stateLabel(last.status),
    ),
  );
}

export function currentFile(at) {
  const wanted = at.params.get("file");
  return at.job.files.find(({ id }) => String(id) === wanted) ?? at.job.files[0];
}

/** The URL of this job with some of what is shown changed. */
function hashOf(at, changes) {
  const next = new URLSearchParams(at.params);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) next.delete(name);
    else next.set(name, value);
  }
  return `#/jobs/${at.id}${next.size ? `?${next}` : ""}`;
}

export function filePane(at) {
  const file = currentFile(at);
  if (!file) return h("p", { class: "notice" }, say("noFilesLeft"));
  const { run, other } = chosenRuns(at, file);
  const reading = readingOf(run);
  const picture = sheetOf(at, file);
  picture.show(reading);
  const place = h(
    "div",
    { class: "file" },
    picture.element,
    h(
      "div",
      { class: "result card" },
      file.duplicateOf && duplicate(file.duplicateOf),
      runBar(at, file, run, other),
      other ? comparison(run, other) : result(at, file, run, reading),
      again(at, file, run),
    ),
  );
  if (reading) linkRows(place, (row) => captionOf(reading, row));
  return place;
}

function duplicate({ jobId, fileId }) {
  return h(
    "p",
    { class: "small" },
    icon("file"),
    ` ${say("seemsHere")}`,
    h("a", { href: `#/jobs/${jobId}?file=${fileId}` }, say("job", { id: String(jobId) })),
  );
}

function sheetOf(at, file) {
  if (!at.sheets.has(file.id)) {
    at.sheets.set(
      file.id,
      sheet(file.originalName, openPicture(`ocr-jobs/${at.id}/files/${file.id}`, at.signal)),
    );
  }
  return at.sheets.get(file.id);
}

/** The execution that is shown, and the one beside it or null, as the URL says. */
function chosenRuns(at, file) {
  const byId = (name) => file.executions.find(({ id }) => String(id) === at.params.get(name));
  const run =
    byId("read") ??
    file.executions.findLast(({ status }) => status !== "failed") ??
    file.executions.at(-1);
  const other = byId("with");
  return { run, other: other && other !== run && isRead(other) && isRead(run) ? other : null };
}

const isRead = (run) => run.status === "completed";

function captionOf(reading, row) {
  const { text, lines } = reading.rows[row];
  const sure = lines
    .map(({ confidence }) => confidence)
    .filter((confidence) => confidence !== null);
  return sure.length ? say("sure", { text, percent: Math.round(Math.min(...sure) * 100) }) : text;
}

function runBar(at, file, run, other) {
  const labels = labelsOf(file);
  const runs = file.executions.map((one) =>
    h(
      "li",
      {},
      h(
        "a",
        {
          href: hashOf(at, { read: one.id, with: null }),
          id: `run-${one.id}`,
          "aria-current": one === run && "true",
        },
        h("span", {}, labels.get(one)),
        stateLabel(one.status),
      ),
    ),
  );
  const others = file.executions.filter((one) => one !== run && isRead(one));
  const select = h(
    "select",
    {
      id: "compare",
      onchange: () => {
        location.hash = hashOf(at, { read: run.id, with: select.value || null });
      },
    },
    h("option", { value: "" }, say("nothing")),
    others.map((one) => h("option", { value: one.id }, labels.get(one))),
  );
  select.value = other?.id ?? "";
  return h(
    "div",
    { class: "runs" },
    h("ul", { "aria-label": say("readings") }, runs),
    isRead(run) &&
      others.length > 0 &&
      h("div", { class: "field" }, h("label", { for: "compare" }, say("compareWith")), select),
  );
}

/** The provider's name, with the time where the same one read the file twice. */
function labelsOf(file) {
  const names = file.executions.map(({ ocrProvider }) => ocrProvider);
  return new Map(
    file.executions.map((run, number) => {
      const nth = names.slice(0, number + 1).filter((name) => name === run.ocrProvider).length;
      return [
        run,
        names.filter((name) => name === run.ocrProvider).length > 1
          ? `${run.ocrProvider} (${nth})`
          : run.ocrProvider,
      ];
    }),
  );
}

function result(at, file, run, reading) {
  if (run.status === "failed") return failure(at, file, run);
  if (!reading) return progress(run);
  const wanted = at.params.get("view");
  const current = VIEWS.find(({ name }) => name === wanted) ?? VIEWS[0];
  const panel = h("div", {
    class: "panel",
    role: "tabpanel",
    id: "panel",
    "aria-labelledby": `tab-${current.name}`,
  });
  const show = (view) => {
    history.replaceState(null, "", hashOf(at, { view: view.name }));
    at.params = new URLSearchParams(location.hash.split("?")[1]);
    at.show();
    document.getElementById(`tab-${view.name}`).focus();
  };
  panel.append(
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": say(current.name) },
      current.render(reading),
    ),
  );
  return h(
    "div",
    {},
    h(
      "div",
      { class: "tabbar" },
      tabs(current, show),
      button("copy", say("copy"), () => attempt(() => copy(current.text(reading))), {
        id: "copy",
        class: "quiet",
      }),
    ),
    panel,
  );
}

function tabs(current, show) {
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(VIEWS[(VIEWS.indexOf(current) + step + VIEWS.length) % VIEWS.length]);
  };
  return h(
    "div",
    { role: "tablist", "aria-label": say("whatWasRead"), onkeydown: move },
    VIEWS.map((view) =>
      h(
        "button",
        {
          type: "button",
          role: "tab",
          id: `tab-${view.name}`,
          "aria-controls": "panel",
          "aria-selected": String(view === current),
          tabindex: view === current ? "0" : "-1",
          onclick: () => show(view),
        },
        say(view.name),
      ),
    ),
  );
}

function progress(run) {
  const words =
    run.status === "running" ? say("isReading", { provider: run.ocrProvider }) : say("itsTurn");
  return h("div", { class: "waiting" }, icon("running"), h("p", {}, words));
}

function failure(at, file, run) {
  return h(
    "div",
    { class: "notice error" },
    h("p", {}, h("b", {}, say("couldNotRead", { provider: run.ocrProvider }))),
    h("p", {}, run.error?.message ?? say("didNotSay")),
    button("again", say("tryAgain"), () => readAgain(at, file, run.ocrProvider), { id: "retry" }),
  );
}

function again(at, file, run) {
  const able = at.providers.filter(({ available }) => available);
  const untried = able.find(
    ({ name }) => !file.executions.some(({ ocrProvider }) => ocrProvider === name),
  );
  const choice = providerChoice(at.providers, {
    id: "again-provider",
    label: say("readAgainWith"),
    chosen: untried?.name ?? usualProvider(at.providers) ?? run.ocrProvider,
  });
  const start = (event) => {
    event.preventDefault();
    readAgain(at, file, choice.querySelector("select").value);
  };
  return h(
    "form",
    { class: "again", onsubmit: start },
    choice,
    h(
      "button",
      { class: "primary", id: "again", disabled: !able.length },
      icon("again"),
      say("readAgain"),
    ),
    at.job.files.length > 1 &&
      button("trash", say("deleteFile"), () => deleteFile(at, file), {
        class: "danger-quiet",
        id: "delete-file",
      }),
  );
}

async function readAgain(at, file, provider) {
  await attempt(async () => {
    const body = new FormData();
    body.append("ocrProvider", provider);
    const answer = await request(`ocr-jobs/${at.id}/files/${file.id}/executions`, {
      method: "POST",
      body,
    });
    const { id } = await answer.json();
    forgetJob(at.id);
    announce(say("isReadAgain", { file: file.originalName, provider }));
    at.job = await getJson(`ocr-jobs/${at.id}`, at.signal);
    location.hash = hashOf(at, { file: file.id, read: id, with: null });
    at.wake();
  });
}

async function deleteFile(at, file) {
  const title = say("deleteWhat", { name: file.originalName });
  if (!(await ask(title, say("deleteFileText"), say("delete")))) return;
  await attempt(async () => {
    await request(`ocr-jobs/${at.id}/files/${file.id}`, { method: "DELETE" });
    forgetJob(at.id);
    announce(say("deleted"));
    location.hash = `#/jobs/${at.id}`;
    at.wake();
  });
}
