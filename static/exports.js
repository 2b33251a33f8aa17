// Which files can be saved from a job? Pure: a job in, the text of a file out.

import { readingOf } from "./reading.js";

const HEAD = ["job", "file", "provider", "merchant", "date", "currency"];
const SUMS = ["subtotal", "tax", "total"];
const ITEM = ["description", "quantity", "unitPrice", "amount"];

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
    ...head(job, file, run, receipt),
    ...SUMS.map((name) => receipt[name]),
    receipt.warnings.join(" "),
  ]);
  return csv([[...HEAD, ...SUMS, "warnings"], ...rows]);
}

/** A row for each item of each file. */
export function itemsCsv(job) {
  const rows = newest(job).flatMap(({ file, run, reading: { receipt } }) =>
    receipt.items.map((item) => [
      ...head(job, file, run, receipt),
      ...ITEM.map((name) => item[name]),
    ]),
  );
  return csv([[...HEAD, ...ITEM], ...rows]);
}

function newest(job) {
  return job.files.flatMap((file) => {
    const run = file.executions.findLast(({ status }) => status === "completed");
    return run ? [{ file, run, reading: readingOf(run) }] : [];
  });
}

function head(job, file, run, receipt) {
  return [
    job.id,
    file.originalName,
    run.ocrProvider,
    receipt.merchant,
    receipt.date,
    receipt.currency,
  ];
}

/** RFC 4180 with a byte order mark, which spreadsheets need to see UTF-8. */
export function csv(rows) {
  return `\uFEFF${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

/** Numbers as they are; a text that a spreadsheet would take for a formula gets an apostrophe. */
function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
