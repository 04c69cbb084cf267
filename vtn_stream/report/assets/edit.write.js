/* What the page saves: FILM.timeline.json, to the byte as vtn_stream/formats/timeline_json.py writes it, and the CSV. */

const SEAL = '"files": {\n  "timeline.json": "', EDITED = '\n "segments": [],\n "reviewed": [],\n "rejected": [],\n';

/** A float as Python writes it. */
function floatText(number) {
  if (Object.is(number, -0)) return "-0.0";
  const [digits, exponent] = number.toExponential().split("e"), size = Number(exponent);
  if (size < -4 || size >= 16) return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
  const text = String(number);
  return text.includes(".") ? text : `${text}.0`;
}

function listText(items, indent) {
  const space = `\n${" ".repeat(indent + 1)}`;
  return items.length ? `[${space}${items.join(`,${space}`)}\n${" ".repeat(indent)}]` : "[]";
}

/** pairs: [name, JSON text]. */
function objectText(pairs, indent) {
  const space = `\n${" ".repeat(indent + 1)}`, fields = pairs.map(([name, text]) => `${JSON.stringify(name)}: ${text}`);
  return fields.length ? `{${space}${fields.join(`,${space}`)}\n${" ".repeat(indent)}}` : "{}";
}

function segmentText({ start_s, end_s, label, score, attributes, origin, was }, indent) {
  const pairs = [["start_s", floatText(start_s)], ["end_s", floatText(end_s)], ["label", JSON.stringify(label)]];
  pairs.push(["score", score === null ? "null" : floatText(score)]);
  if (attributes?.length) {
    const texts = attributes.map(([name, value]) => [name, JSON.stringify(value)]);
    pairs.push(["attributes", objectText(texts, indent + 1)]);
  }
  if (origin) pairs.push(["origin", JSON.stringify(origin)]);
  if (was) pairs.push(["was", segmentText(was, indent + 1)]);
  return objectText(pairs, indent);
}

function reviewedText({ start_s, end_s, labels }, indent) {
  const names = labels === null ? "null" : listText(labels.map((label) => JSON.stringify(label)), indent + 1);
  return objectText([["start_s", floatText(start_s)], ["end_s", floatText(end_s)], ["labels", names]], indent);
}

const standingSegments = () => standing().map((i) => segments.exact[i]).sort(compareSegments);

/** The text of the timeline's file, sealed. */
function timelineText() {
  const [before, after] = restText.split(EDITED), at = before.indexOf(SEAL) + SEAL.length;
  const lists = [
    ["segments", standingSegments().map((each) => segmentText(each, 2))],
    ["reviewed", [...reviewed].sort(compareReviewed).map((each) => reviewedText(each, 2))],
    ["rejected", [...rejected].sort(compareSegments).map((each) => segmentText(each, 2))],
  ].map(([name, texts]) => `\n "${name}": ${listText(texts, 1)},`).join("");
  const head = before.slice(0, at), tail = `${before.slice(at + 64)}${lists}\n${after}`;
  return head + hexDigest(new TextEncoder().encode(head + tail)) + tail;
}
