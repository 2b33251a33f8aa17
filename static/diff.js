// Compares two readings. Pure: rows of text in, pairs of rows and marked words out.

const MOST_CELLS = 16e6; // of a table: two readings of 4,000 rows

/**
 * Two readings row by row: [{left, right, same}], where left and right are numbers of rows or null.
 * Equal rows are paired first (a longest common subsequence), between them rows that look alike.
 */
export function compareRows(left, right) {
  const [a, b] = [left.map(squeezed), right.map(squeezed)];
  const pairs = [];
  let gap = { left: [], right: [] };
  for (const [i, j] of align(a, b, equal)) {
    if (i !== null && j !== null) {
      pairs.push(...alike(gap, a, b), { left: i, right: j, same: true });
      gap = { left: [], right: [] };
    } else if (j === null) gap.left.push(i);
    else gap.right.push(j);
  }
  return [...pairs, ...alike(gap, a, b)];
}

/** Two rows word by word: for each side [{text, same}], words and the space after them. */
export function compareWords(left, right) {
  const [a, b] = [left, right].map((row) => row.match(/\S+\s*/g) ?? []);
  const sides = [[], []];
  for (const [i, j] of align(a.map(squeezed), b.map(squeezed), equal)) {
    const same = i !== null && j !== null;
    if (i !== null) sides[0].push({ text: a[i], same });
    if (j !== null) sides[1].push({ text: b[j], same });
  }
  return sides;
}

const squeezed = (text) => text.trim().replace(/\s+/g, " ");
const equal = (a, b) => (a === b ? 1 : 0);

function alike(gap, a, b) {
  const texts = [gap.left.map((i) => a[i]), gap.right.map((j) => b[j])];
  return align(...texts, similarity).map(([i, j]) => ({
    left: i === null ? null : gap.left[i],
    right: j === null ? null : gap.right[j],
    same: false,
  }));
}

/** How much two rows look alike, from 0.4 to 1 by their pairs of letters; 0 if hardly. */
function similarity(a, b) {
  const rest = bigrams(b);
  const total = bigrams(a).length + rest.length;
  let shared = 0;
  for (const pair of bigrams(a)) {
    const at = rest.indexOf(pair);
    if (at >= 0) {
      rest.splice(at, 1);
      shared += 2;
    }
  }
  return total && shared / total >= 0.4 ? shared / total : 0;
}

const bigrams = (text) => Array.from({ length: Math.max(0, text.length - 1) }, (_, i) => text.slice(i, i + 2));

/** Pairs [i, j] in order, of the highest total score; what scores 0 is paired with null. */
function align(a, b, score) {
  if (a.length * b.length > MOST_CELLS) return apart(a, b, 0, 0);
  const width = b.length + 1;
  const best = new Float32Array((a.length + 1) * width);
  const scores = new Float32Array(best.length);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const here = i * width + j;
      scores[here] = score(a[i], b[j]);
      const paired = scores[here] ? scores[here] + best[here + width + 1] : 0;
      best[here] = Math.max(paired, best[here + width], best[here + 1]);
    }
  }
  const pairs = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    const here = i * width + j;
    const paired = scores[here] ? Math.fround(scores[here] + best[here + width + 1]) : -1;
    if (paired === best[here]) pairs.push([i++, j++]);
    else if (best[here + width] === best[here]) pairs.push([i++, null]);
    else pairs.push([null, j++]);
  }
  return [...pairs, ...apart(a, b, i, j)];
}

/** What is left of both sides, unpaired. */
const apart = (a, b, i, j) => [...a.slice(i).map((_, k) => [i + k, null]), ...b.slice(j).map((_, k) => [null, j + k])];
