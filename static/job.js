// Leads from a job to its first receipt, and shows what can be done with a whole job.

import { ApiError, getBlob, getJson, request } from "./api.js";
import { announce, ask, button, h, hashWith, menu, save } from "./dom.js";
import { jobJson, jobMarkdown } from "./reading.js";
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
  const fetched = (label, path, named) => [label, async () => save(await getBlob(path), named)];
  const made = (label, make, type, named) => [label, () => save(new Blob([make(job)], { type }), named)];
  return menu("downloads", say("download"), [
    fetched(say("original"), `ocr-jobs/${job.id}/files/${file.id}`, file.originalName),
    made("JSON", jobJson, "application/json", `${name}.json`),
    fetched(say("csvReceipts"), csv, `${name}.csv`),
    fetched(say("csvItems"), `${csv}&items=1`, `${name}-items.csv`),
    made(say("markdown"), jobMarkdown, "text/markdown", `${name}.md`),
  ]);
}

function deleteJob({ job, receipt, family }) {
  const words = say("deleteJobText", { pictures: say("pictures", { n: job.files.length }) });
  const name = job.name ?? receipt.merchant ?? family[0].fileName;
  return remove(name, words, `ocr-jobs/${job.id}`, "#/receipts");
}

function deleteFile({ job, file, family }) {
  const next = family.find(({ fileId }) => fileId !== file.id).id;
  return remove(file.originalName, say("deleteFileText"), `ocr-jobs/${job.id}/files/${file.id}`, `#/receipts/${next}`);
}

async function remove(name, words, path, next) {
  if (!(await ask(say("deleteWhat", { name }), words, say("delete")))) return;
  await request(path, { method: "DELETE" });
  announce(say("deleted"));
  location.hash = next;
}
