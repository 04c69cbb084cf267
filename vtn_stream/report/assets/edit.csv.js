/* The CSV that the page saves: to the byte as vtn_stream/formats/timeline_csv.py writes it. */

const RUNS = /^'*[=+\-@\t\r\n]/;
const NO_XML = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

/** As Python rounds: to even where two are as near. */
function fixedText(number, digits) {
  const size = Math.abs(number), scaled = size * 2 ** (digits + 1), sign = number < 0 || Object.is(number, -0) ? "-" : "";
  if (size >= 1e21) return `${BigInt(number)}.${"0".repeat(digits)}`;
  if (!Number.isInteger(scaled) || scaled % 2 === 0) return sign + size.toFixed(digits); // two are as near at odd ones alone
  const low = (BigInt(scaled) * 5n ** BigInt(digits) - 1n) / 2n, even = String(low + (low % 2n)).padStart(digits + 1, "0");
  return `${sign}${even.slice(0, -digits)}.${even.slice(-digits)}`;
}

const csvMs = (seconds) => BigInt(fixedText(seconds, 3).replace(".", ""));

function csvClock(seconds) {
  const ms = csvMs(seconds), size = ms < 0n ? -ms : ms, pad = (value, width) => String(value).padStart(width, "0");
  const minutes = size / 60_000n, rest = size % 60_000n;
  return `${ms < 0n ? "-" : ""}${pad(minutes / 60n, 2)}:${pad(minutes % 60n, 2)}:${pad(rest / 1000n, 2)}.${pad(rest % 1000n, 3)}`;
}

function csvLength({ start_s, end_s }) {
  const ms = csvMs(end_s) - csvMs(start_s);
  return `${ms / 1000n}.${String(ms % 1000n).padStart(3, "0")}`;
}

/** Start, end, label and score. */
function csvCells({ start_s, end_s, label, score }) {
  return [fixedText(start_s, 3), fixedText(end_s, 3), guarded(label), score === null ? "" : fixedText(score, 4)];
}

const guarded = (text) => `${RUNS.test(text) ? "'" : ""}${text.replace(NO_XML, "\ufffd")}`;

/** Of a recording the file in which it starts, and when in it; no cells of a film in one file. */
function csvFile({ start_s }) {
  const parts = data.rest.video.parts ?? [], part = parts.findLast((each) => each.start_s <= start_s);
  if (!parts.length) return [];
  if (!part || start_s > part.start_s + part.duration_s) return ["", ""];
  return [guarded(part.path), fixedText(start_s - part.start_s, 3)];
}

function csvText() {
  const { video, provenance } = data.rest, parts = ["subset", "source"].filter((part) => textOf(provenance[part]));
  const ofFilm = parts.map((part) => guarded(textOf(provenance[part]))), film = guarded(video.path);
  const files = video.parts?.length ? ["file", "file_start_s"] : [];
  const found = standingSegments(), said = found.some(({ origin }) => origin === "curated" || origin === "manual") ? ["origin"] : [];
  if (found.some(({ was }) => was)) said.push("was_start_s", "was_end_s", "was_label", "was_score");
  const table = [["video", "start_s", "end_s", "duration_s", "start", "end", "label", "score", ...files, ...parts, ...said]];
  if (!found.length) table.push([film, "", "", "", "", "", "", "", ...files.map(() => ""), ...ofFilm]);
  for (const each of found) {
    const [start, end, ...cells] = csvCells(each), clocks = [csvClock(each.start_s), csvClock(each.end_s)];
    const ofSegment = [each.origin ?? "", ...(each.was ? csvCells(each.was) : ["", "", "", ""])].slice(0, said.length);
    table.push([film, start, end, csvLength(each), ...clocks, ...cells, ...csvFile(each), ...ofFilm, ...ofSegment]);
  }
  const quoted = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  return table.map((cells) => `${cells.map(quoted).join(",")}\r\n`).join("");
}

const textOf = (value) => (typeof value === "string" ? value : "");
