// Leads from a job to its first receipt, and shows what can be done with a whole job.

import { getJson, request } from "./api.js";
import { announce, ask, attempt, button, h, menu, save } from "./dom.js";
import { jobJson, jobMarkdown } from "./reading.js";
import { moment, say } from "./words.js";

/** Go on to the job's first receipt, or to that of the file that the address names. */
export async function openJob(main, params, signal, id) {
  try {
    const { data } = await getJson(`receipts?job=${id}&limit=100&sort=addedAt:asc`, signal);
    const file = params.get("file");
    const first = data.find(({ fileId }) => String(fileId) === file) ?? data[0];
    params.delete("file");
    if (first) location.replace(`#/receipts/${first.id}${params.size ? `?${params}` : ""}`);
    else main.replaceChildren(missing(id));
  } catch (error) {
    if (error.name !== "AbortError") main.replaceChildren(h("p", { class: "notice error" }, error.message));
  }
}

function missing(id) {
  return h(
    "div",
    {},
    h("h1", { tabindex: "-1" }, say("noSuchReceipt")),
    h("p", { class: "notice error" }, say("noSuchJob", { id })),
    h("p", {}, h("a", { href: "#/receipts" }, say("allReceipts"))),
  );
}

export function aboutJob(at) {
  const { job, file } = at;
  const facts = [file.originalName, job.name, say("job", { id: String(job.id) }), say("added", { when: moment(job.createdAt) })];
  const several = job.files.length > 1;
  return h(
    "div",
    { class: "subheading" },
    h("p", { class: "small" }, facts.filter(Boolean).join(" · ")),
    h(
      "div",
      { class: "actions" },
      downloads(job, file),
      several && deleteButton("deleteFile", "delete-file", () => deleteFile(at)),
      deleteButton(several ? "deleteAll" : "delete", "delete-job", () => deleteJob(at)),
    ),
  );
}

const deleteButton = (word, id, action) => button("trash", say(word), action, { class: "danger-quiet", id });

function downloads(job, file) {
  const name = `receipt-${job.id}`;
  const csv = async (query) => (await request(`receipts/export.csv?job=${job.id}&sort=addedAt:asc${query}`)).blob();
  const original = async () => (await request(`ocr-jobs/${job.id}/files/${file.id}`)).blob();
  const item = (label, blob, named) => [label, () => attempt(async () => save(await blob(), named))];
  return menu("downloads", say("download"), [
    item(say("original"), original, file.originalName),
    item("JSON", () => new Blob([jobJson(job)], { type: "application/json" }), `${name}.json`),
    item(say("csvReceipts"), () => csv(""), `${name}.csv`),
    item(say("csvItems"), () => csv("&items=1"), `${name}-items.csv`),
    item(say("markdown"), () => new Blob([jobMarkdown(job)], { type: "text/markdown" }), `${name}.md`),
  ]);
}

async function deleteJob({ job, receipt, family }) {
  const words = say("deleteJobText", { pictures: say("pictures", { n: job.files.length }) });
  const name = job.name ?? receipt.merchant ?? family[0].fileName;
  if (!(await ask(say("deleteWhat", { name }), words, say("delete")))) return;
  await attempt(async () => {
    await request(`ocr-jobs/${job.id}`, { method: "DELETE" });
    announce(say("deleted"));
    location.hash = "#/receipts";
  });
}

async function deleteFile({ job, file, family }) {
  const name = file.originalName;
  if (!(await ask(say("deleteWhat", { name }), say("deleteFileText"), say("delete")))) return;
  await attempt(async () => {
    await request(`ocr-jobs/${job.id}/files/${file.id}`, { method: "DELETE" });
    announce(say("deleted"));
    location.hash = `#/receipts/${family.find(({ fileId }) => fileId !== file.id).id}`;
  });
}
