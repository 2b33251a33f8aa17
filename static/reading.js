// What an execution read, and where. Pure: the stored JSON in, rows with boxes out.

/**
 * The parsed ocrData of a completed execution with its rows (made when asked for), or null. Another
 * receipt may take the place of its first: one of several, or one that was corrected.
 */
export function readingOf(execution, receipt = null) {
  if (!execution?.ocrData) return null;
  const data = JSON.parse(execution.ocrData);
  let rows = null;
  return {
    ...data,
    receipt: receipt ?? data.receipt,
    data,
    get rows() {
      return (rows ??= rowsOf(data.text, data.pages));
    },
  };
}

/** What an execution read of a receipt, without corrections; null for nothing. */
export const readBy = ({ readings }, id) => readings.find(({ executionId }) => executionId === id)?.receipt ?? null;

/** The rows of the text, each with the lines of the pages that it is made of: {text, lines}. */
function rowsOf(text, pages) {
  const unused = pages.flatMap((page, number) =>
    page.lines.filter((line) => line.box).map((line) => ({ ...line, page: number, y: middle(line, number) })),
  );
  unused.sort((a, b) => a.y - b.y);
  return text
    .split("\n")
    .filter(Boolean)
    .map((row) => ({ text: row, lines: takeLines(row, unused) }));
}

const middle = (line, page) => page * 1e7 + (line.box[1] + line.box[3]) / 2;

/** The lines that stand in a row one after the other, taken out of `unused`. */
function takeLines(row, unused) {
  const lines = [];
  for (let at = 0; at < row.length;) {
    const line = nearest(
      unused.filter(({ text }) => text && row.startsWith(text, at)),
      lines[0],
    );
    if (line) {
      lines.push({ ...line, at });
      unused.splice(unused.indexOf(line), 1);
    }
    at = nextWord(row, at + (line?.text.length ?? 0));
  }
  return lines;
}

function nearest(candidates, first) {
  const distance = (line) => (first ? Math.abs(line.y - first.y) : line.y);
  return candidates.sort((a, b) => distance(a) - distance(b) || b.text.length - a.text.length)[0];
}

/** Where the next word begins. */
function nextWord(row, at) {
  const gap = row.slice(at).search(/\s/);
  if (gap < 0) return row.length;
  const word = row.slice(at + gap).search(/\S/);
  return word < 0 ? row.length : at + gap + word;
}

/**
 * Where a field is: the rows at its evidence, else those that hold its text, as "total 4 5" for
 * data-row; null if it is nowhere. `printed` is a text, an amount or a pattern.
 */
export function placeOf(reading, { name, printed, named, evidence }) {
  if (evidence?.box) return [name, ...rowsAt(reading, evidence)].join(" ");
  const row = rowWith(reading, printed, named);
  if (row !== null) return String(row);
  return typeof printed === "string" ? rowsWithin(reading, printed).join(" ") || null : null;
}

function rowsAt({ rows }, { page, box }) {
  const [left, top, right, bottom] = box;
  const isThere = ({ page: its, box: [x1, y1, x2, y2] }) =>
    its === page &&
    Math.min(x2, right) > Math.max(x1, left) &&
    Math.min(y2, bottom) - Math.max(y1, top) > Math.min(y2 - y1, bottom - top) / 2;
  return [...rows.keys()].filter((number) => rows[number].lines.some(isThere));
}

/** The rows that a text is made of, such as those of an address. */
function rowsWithin({ rows }, text) {
  const plain = (one) => one.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
  const all = plain(text);
  return [...rows.keys()].filter((number) => {
    const row = plain(rows[number].text);
    return row.length > 3 && all.includes(row);
  });
}

/** The number of the row that holds what is printed: of several the first named; of equal amounts none else. */
function rowWith({ rows }, printed, named = /$^/) {
  if (printed === null || printed === "") return null;
  const all = [...rows.keys()];
  const found = all.filter((number) => holds(rows[number].text, printed));
  const best = (found.length ? found : all).filter((number) => named.test(rows[number].text));
  if (found.length) return best[0] ?? (found.length === 1 || typeof printed !== "number" ? found[0] : null);
  return best.length === 1 ? best[0] : null;
}

function holds(row, printed) {
  if (printed instanceof RegExp) return printed.test(row);
  if (typeof printed !== "number") return row.toLowerCase().includes(printed.toLowerCase());
  const amount = Math.abs(printed);
  const digitsOf = (text) => text.replace(/\D/g, "");
  const isAmount = (text) => digitsOf(text) === digitsOf(/[.,]\d\d$/.test(text) ? amount.toFixed(2) : String(amount));
  return (row.match(/\d[\d.,'’]*\d\d/g) ?? []).some(isAmount);
}
