// Leads from a job to its first receipt, and shows what can be done with a whole job.

import { ApiError, getBlob, getJson, request } from "./api.js";
import { announce, ask, button, h, hashWith, menu, save } from "./dom.js";
import { filtersOf } from "./receipts.js";
import { moment, say } from "./words.js";

/** Go on to the job's first receipt, or to that of the file that the address names. */
export async function openJob(main, params, signal, id) {
  try {
    const { data } = await getJson(`receipts?job=${id}&limit=100&sort=addedAt:asc`, signal);
    const first = data.find(({ fileId }) => String(fileId) === params.get("file")) ?? data[0];
    if (!first) throw new ApiError(404, say("noSuchJob", { id }));
    location.replace(hashWith(`receipts/${first.id}`, params, { file: null }));
  } catch (error) {
    showFailure(main, error);
  }
}

export function showFailure(main, error) {
  if (error.name === "AbortError") return;
  main.replaceChildren(
    h("h1", { tabindex: "-1" }, say(error.status === 404 ? "noSuchReceipt" : "cannotShow")),
    h("p.notice.error", error.message),
    h("p", h("a", { href: "#/receipts" }, say("allReceipts"))),
  );
}

export function aboutJob(at) {
  const { job, file } = at;
  const when = moment(job.createdAt);
  const facts = [file.originalName, job.name, say("job", { id: String(job.id) }), say("added", { when })];
  const several = job.files.length > 1;
  return h("div.subheading", [
    h("p.small", facts.filter(Boolean).join(" · ")),
    h("div.actions", [
      downloads(job, file),
      several && button("trash", say("deleteFile"), () => deleteFile(at), "#delete-file.danger-quiet"),
      button("trash", say(several ? "deleteAll" : "delete"), () => deleteJob(at), "#delete-job.danger-quiet"),
    ]),
  ]);
}

function downloads(job, file) {
  const name = `receipt-${job.id}`;
  const csv = `receipts/export.csv?job=${job.id}&sort=addedAt:asc`;
  const item = (label, path, named, accept) => [label, async () => save(await getBlob(path, { accept }), named)];
  return menu("downloads", say("download"), [
    item(say("original"), `ocr-jobs/${job.id}/files/${file.id}`, file.originalName),
    item("JSON", `ocr-jobs/${job.id}`, `${name}.json`),
    item(say("csvReceipts"), csv, `${name}.csv`),
    item(say("csvItems"), `${csv}&items=1`, `${name}-items.csv`),
    item(say("markdown"), `ocr-jobs/${job.id}`, `${name}.md`, "text/markdown"),
  ]);
}

function deleteJob({ job, receipt, family, params }) {
  const next = hashWith("receipts", filtersOf(params));
  return remove(job.name ?? receipt.merchant ?? family[0].fileName, `ocr-jobs/${job.id}`, next);
}

function deleteFile({ job, file, family, params }) {
  const { id } = family.find(({ fileId }) => fileId !== file.id);
  const next = hashWith(`receipts/${id}`, filtersOf(params));
  return remove(file.originalName, `ocr-jobs/${job.id}/files/${file.id}`, next);
}

async function remove(name, path, next) {
  if (!(await ask(say("deleteWhat", { name }), say("deleteText"), say("delete")))) return;
  await request(path, { method: "DELETE" });
  announce(say("deleted"));
  location.hash = next;
}
