// Which files can be saved from a job? Pure: a job in, the text of a file out.

import { readingOf } from "./reading.js";

// The columns are those of GET /ocr-jobs/export.csv.
const ABOUT = ["merchant", "date", "currency"];
const SUMS = ["subtotal", "tax", "total"];
const ITEM = ["description", "quantity", "unitPrice", "amount"];

// Where a spreadsheet would see a formula begin: at the start, and after a ";" that it may split at.
const FORMULA = /^(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])|(?<=;)(?=\s*[=+\-@])/g;

/** The job with ocrData as JSON in place of a string. */
export function jobJson(job) {
  const parsed = (run) => ({ ...run, ocrData: run.ocrData && JSON.parse(run.ocrData) });
  const files = job.files.map((file) => ({ ...file, executions: file.executions.map(parsed) }));
  return JSON.stringify({ ...job, files }, null, 2);
}

/** Every file's newest reading as Markdown, under the file's name when there are several. */
export function jobMarkdown(job) {
  const parts = newest(job).map(({ file, reading }) =>
    job.files.length > 1
      ? `<!-- ${file.originalName.replaceAll("--", "- -")} -->\n\n${reading.markdown}`
      : reading.markdown,
  );
  return `${parts.join("\n\n---\n\n")}\n`;
}

/** A row for each file that was read. */
export function receiptsCsv(job) {
  const rows = newest(job).map(({ file, run, reading: { receipt } }) => [
    ...[job.id, file.originalName],
    ...[...ABOUT, ...SUMS].map((name) => receipt[name]),
    ...[run.ocrProvider, receipt.warnings.join(" ")],
  ]);
  return csv([["job", "file", ...ABOUT, ...SUMS, "provider", "warnings"], ...rows]);
}

/** A row for each item of each file. */
export function itemsCsv(job) {
  const rows = newest(job).flatMap(({ file, run, reading: { receipt } }) =>
    receipt.items.map((item) => [
      ...[job.id, file.originalName],
      ...ABOUT.map((name) => receipt[name]),
      ...ITEM.map((name) => item[name]),
      run.ocrProvider,
    ]),
  );
  return csv([["job", "file", ...ABOUT, ...ITEM, "provider"], ...rows]);
}

function newest(job) {
  return job.files.flatMap((file) => {
    const run = file.executions.findLast(({ status }) => status === "completed");
    return run ? [{ file, run, reading: readingOf(run) }] : [];
  });
}

/** RFC 4180 with a byte order mark, which spreadsheets need to see UTF-8. */
export function csv(rows) {
  return `\uFEFF${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

/** Numbers as they are; a text that a spreadsheet would take for a formula gets an apostrophe. */
function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = value.replace(FORMULA, "'");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
